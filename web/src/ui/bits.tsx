// The parts that every screen is made of.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Piece, visible } from "./format";
import { Icon, type IconName } from "./icons";

/** A wait of more than a second says what is being waited for. */
export function Waiting({ what }: { what: string }) {
  const [late, set] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => set(true), 1000);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="wait-box" role="status">
      <span class="dots" aria-hidden="true"><i /><i /><i /></span>
      {late && <span>{what}</span>}
    </div>
  );
}

export function Empty({ icon, title, children }: {
  icon: IconName; title: string; children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <Icon name={icon} size={32} />
      <h2>{title}</h2>
      <div>{children}</div>
    </div>
  );
}

export function IconButton({ icon, label, onClick, disabled = false, tone = "" }: {
  icon: IconName; label: string; onClick: () => void; disabled?: boolean; tone?: string;
}) {
  return (
    <button
      type="button" class={`icon-button ${tone}`} aria-label={label} title={label}
      disabled={disabled} onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}

/** Text on which a person decides: nothing in it can hide or reorder the rest. */
export function Exact({ text }: { text: string }) {
  return (
    <>
      {visible(text).map((piece: Piece, at) =>
        piece.control ? <mark class="control" key={at}>{piece.text}</mark> : piece.text)}
    </>
  );
}

/** A sheet from below on a phone, a dialog in the middle elsewhere. */
export function Sheet({ title, onClose, children }: {
  title: string; onClose: () => void; children: ComponentChildren;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
  }, []);
  return (
    <dialog
      class="sheet" ref={ref} aria-label={title} onClose={onClose}
      onClick={(event) => event.target === ref.current && onClose()}
    >
      <div class="sheet-body">
        <header class="sheet-head">
          <h2>{title}</h2>
          <IconButton icon="cross" label="Close" onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

export function copyText(text: string): void {
  void navigator.clipboard?.writeText(text).catch(() => undefined);
}
