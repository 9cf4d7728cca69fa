// The phrase field: words complete as they are typed, a typo is found by its check
// digit before anything is sent. The word list is loaded when the field is touched.

import { useEffect, useRef, useState } from "preact/hooks";

type PhraseModule = typeof import("../session/phrase");

export interface PhraseState {
  typed: string;
  ready: boolean;
}

function hintOf(problem: { kind: string; word?: string }): string {
  if (problem.kind === "word") return `“${problem.word}” is not one of the words. Check it on the host's screen.`;
  if (problem.kind === "check") return "That does not add up: a word or a digit is mistyped.";
  return "";
}

/** `wolf pine 7489` however it was typed, shown as WOLF-PINE-7489. */
function tidy(typed: string): string {
  return typed.toUpperCase().replace(/[^A-Z0-9]+/g, "-").replace(/([A-Z]{4})(?=[A-Z0-9])/g, "$1-").replace(/(\d)(?=[A-Z])/g, "$1-").replace(/^-/, "").slice(0, 22);
}

export function PhraseField({ disabled, onChange }: {
  disabled: boolean; onChange: (state: PhraseState) => void;
}) {
  const [typed, setTyped] = useState("");
  const [hint, setHint] = useState("");
  const [offers, setOffers] = useState<string[]>([]);
  const module = useRef<PhraseModule | undefined>(undefined);
  const field = useRef<HTMLInputElement>(null);

  const load = async (): Promise<PhraseModule> => (module.current ??= await import("../session/phrase"));

  useEffect(() => {
    let here = true;
    const look = async () => {
      const { completions, isPhrase, parsePhrase } = await load();
      const result = await parsePhrase(typed);
      if (!here) return;
      const open = /(?:^|-)([A-Z]{1,3})$/.exec(typed)?.[1];
      setOffers(open && open.length > 1 ? completions(open, 4) : []);
      setHint(isPhrase(result) ? "" : hintOf(result));
      onChange({ typed, ready: isPhrase(result) });
    };
    if (typed) void look();
    else {
      setOffers([]);
      setHint("");
      onChange({ typed, ready: false });
    }
    return () => {
      here = false;
    };
  }, [typed]);

  const take = (word: string) => {
    setTyped(`${typed.replace(/[A-Z]+$/, "")}${word.toUpperCase()}-`);
    field.current?.focus();
  };

  return (
    <div class="phrase">
      <label class="field">
        <span>Phrase from the host</span>
        <input
          ref={field} class="phrase-input" value={typed} placeholder="WOLF-PINE-7489" disabled={disabled}
          autocomplete="off" autocapitalize="characters" autocorrect="off" spellcheck={false}
          aria-describedby="phrase-hint" aria-invalid={hint !== ""}
          onFocus={() => void load()} onInput={(event) => setTyped(tidy(event.currentTarget.value))}
        />
      </label>
      {offers.length > 0 && (
        <div class="offers" role="group" aria-label="Words">
          {offers.map((word) => <button type="button" key={word} onClick={() => take(word)}>{word.toUpperCase()}</button>)}
        </div>
      )}
      <p class="hint bad" id="phrase-hint" role="alert">{hint}</p>
    </div>
  );
}
