// Where prompts are typed. The draft survives everything; Enter sends where there is a
// real keyboard, and makes a new line on a phone.

import { useLayoutEffect, useRef } from "preact/hooks";
import { useDraft } from "./hooks";
import { Icon } from "./icons";

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
  const box = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const area = box.current;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, 200)}px`;
  }, [draft]);

  const send = async () => {
    const text = draft.trim();
    if (!text || busy) return;
    if ((await onSend(text, [])) !== false) setDraft("");
    box.current?.focus();
  };

  return (
    <form class="composer" onSubmit={(event) => { event.preventDefault(); void send(); }}>
      <div class="composer-box">
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
            onClick={() => { onQueue(draft.trim(), []); setDraft(""); box.current?.focus(); }}
          >
            <Icon name="clock" />
          </button>
        )}
        {(!running || draft.trim()) && (
          <button
            type="submit" class="round" disabled={!draft.trim() || busy}
            aria-label={running ? "Steer the running turn" : "Send"} title={running ? "Steer" : "Send"}
          >
            <Icon name="send" />
          </button>
        )}
      </div>
    </form>
  );
}
