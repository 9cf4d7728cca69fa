// Dictation with the browser's own recogniser: off until a person switches it on, since
// most browsers send the sound to their maker.

interface Recogniser {
  lang: string;
  interimResults: boolean;
  continuous: boolean;
  onresult: ((event: { results: ArrayLike<ArrayLike<{ transcript: string }>> }) => void) | null;
  onend: (() => void) | null;
  onerror: ((event: { error: string }) => void) | null;
  start(): void;
  stop(): void;
}

const KEY = "farhand:voice";
const maker = (globalThis as { SpeechRecognition?: new () => Recogniser; webkitSpeechRecognition?: new () => Recogniser });

export const WHERE_IT_GOES = "What you say is sent to the maker of this browser, which turns it into text. The host and the relay hear only the text that you send.";

export function canDictate(): boolean {
  return (maker.SpeechRecognition ?? maker.webkitSpeechRecognition) !== undefined;
}

export function dictation(): boolean {
  return canDictate() && localStorage.getItem(KEY) === "on";
}

export function setDictation(on: boolean): void {
  if (on) localStorage.setItem(KEY, "on");
  else localStorage.removeItem(KEY);
}

/** Listens until it is stopped or the person falls silent; gives the way to stop. */
export function listen(heard: (text: string) => void, ended: (trouble: string) => void): () => void {
  const recogniser = new (maker.SpeechRecognition ?? maker.webkitSpeechRecognition)!();
  recogniser.lang = navigator.language;
  recogniser.interimResults = true;
  recogniser.onresult = ({ results }) => heard(Array.from(results, (result) => result[0]?.transcript ?? "").join(" ").trim());
  let trouble = "";
  recogniser.onerror = ({ error }) => {
    trouble = error === "not-allowed" ? "The browser does not let this page hear the microphone." : error === "no-speech" ? "" : "The browser could not recognise what was said.";
  };
  recogniser.onend = () => ended(trouble);
  recogniser.start();
  return () => recogniser.stop();
}
