// Where prompts are typed. The draft survives everything; Enter sends where there is a
// real keyboard, and makes a new line on a phone.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useDraft } from "./hooks";
import { Icon } from "./icons";
import { shrink } from "./pictures";
import { dictation, listen } from "./voice";

const KEYBOARD = matchMedia("(hover: hover) and (pointer: fine)").matches;

export function Composer({ draftKey, placeholder, busy = false, running = false, onSend, onQueue, onInterrupt }: {
  draftKey: string;
  placeholder: string;
  busy?: boolean;
  /** A turn runs: what is sent steers it. */
  running?: boolean;
  /** False: not taken, the text stays. */
  onSend: (text: string, images: string[]) => void | boolean | Promise<boolean>;
  /** After the turn that runs. */
  onQueue?: (text: string, images: string[]) => void;
  onInterrupt?: () => void;
}) {
  const [draft, setDraft] = useDraft(draftKey);
  const [images, setImages] = useState<string[]>([]);
  const [trouble, setTrouble] = useState("");
  const [hearing, setHearing] = useState(false);
  const stop = useRef<(() => void) | undefined>(undefined);
  const files = useRef<HTMLInputElement>(null);
  const box = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const area = box.current;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, 200)}px`;
  }, [draft]);

  const send = async () => {
    const text = draft.trim();
    if ((!text && images.length === 0) || busy) return;
    if ((await onSend(text, images)) !== false) clear();
    box.current?.focus();
  };
  const clear = () => {
    setDraft("");
    setImages([]);
  };
  const attach = async (files: FileList | null) => {
    for (const file of [...files ?? []].slice(0, 4)) {
      const made = await shrink(file);
      if ("url" in made) setImages((old) => [...old, made.url].slice(0, 4));
      else setTrouble(made.sentence);
    }
  };
  const dictate = () => {
    if (stop.current) return stop.current();
    const before = draft ? `${draft.trimEnd()} ` : "";
    setTrouble("");
    stop.current = listen((text) => setDraft(before + text), (words) => {
      stop.current = undefined;
      setHearing(false);
      setTrouble(words);
    });
    setHearing(true);
  };

  return (
    <form class="composer" onSubmit={(event) => { event.preventDefault(); void send(); }}>
      {trouble && <p class="note" role="alert">{trouble}</p>}
      {images.length > 0 && (
        <ul class="attachments">
          {images.map((url, at) => (
            <li key={at}><img src={url} alt={`Picture ${at + 1}`} />
              <button type="button" aria-label={`Remove picture ${at + 1}`} onClick={() => setImages(images.filter((_, n) => n !== at))}><Icon name="cross" size={16} /></button>
            </li>
          ))}
        </ul>
      )}
      <div class="composer-box">
        <input
          type="file" accept="image/*" multiple hidden ref={files} tabIndex={-1} aria-hidden="true"
          onChange={(event) => { void attach(event.currentTarget.files); event.currentTarget.value = ""; }}
        />
        <button type="button" class="round soft" aria-label="Attach a picture" title="Picture" onClick={() => files.current?.click()}><Icon name="image" /></button>
        {dictation() && (
          <button type="button" class={`round soft ${hearing ? "hearing" : ""}`} aria-pressed={hearing} aria-label={hearing ? "Stop listening" : "Dictate"} title="Dictate" onClick={dictate}><Icon name="mic" /></button>
        )}
        <textarea
          ref={box} rows={1} value={draft} placeholder={placeholder} aria-label={placeholder}
          enterkeyhint={KEYBOARD ? "send" : "enter"}
          onInput={(event) => setDraft(event.currentTarget.value)}
          onKeyDown={(event) => {
            const plain = !event.shiftKey && !event.isComposing && event.key === "Enter";
            const forced = event.key === "Enter" && (event.metaKey || event.ctrlKey);
            if ((KEYBOARD && plain) || forced) {
              event.preventDefault();
              void send();
            }
          }}
        />
        {running && (
          <button type="button" class="round stop" aria-label="Interrupt the turn" title="Interrupt" onClick={onInterrupt}>
            <Icon name="stop" />
          </button>
        )}
        {running && draft.trim() && onQueue && (
          <button
            type="button" class="round soft" aria-label="Queue for after this turn" title="After this turn"
            onClick={() => { onQueue(draft.trim(), images); clear(); box.current?.focus(); }}
          >
            <Icon name="clock" />
          </button>
        )}
        {(!running || draft.trim() || images.length > 0) && (
          <button
            type="submit" class="round" disabled={(!draft.trim() && images.length === 0) || busy}
            aria-label={running ? "Steer the running turn" : "Send"} title={running ? "Steer" : "Send"}
          >
            <Icon name="send" />
          </button>
        )}
      </div>
    </form>
  );
}
