// Imported before anything else: a pairing link is a secret, and it leaves the address
// bar and the history before the first component exists.

let link: string | undefined;
let heard: ((link: string) => void) | undefined;

/** Into memory, and out of the address bar and this entry of the history. */
function take(): void {
  if (!location.hash.startsWith("#p=")) return;
  link = location.hash;
  history.replaceState(null, "", location.pathname + location.search);
  heard?.(link);
}

take();
// A link pasted into the address bar of the open page changes only its fragment.
addEventListener("hashchange", take);

/** The link this page was opened with, once. */
export function takeLink(): string | undefined {
  const taken = link;
  link = undefined;
  return taken;
}

/** A link that comes while the page is open. */
export function onLink(listener: (link: string) => void): void {
  heard = (taken) => {
    link = undefined;
    listener(taken);
  };
}

const meta = document.querySelector<HTMLMetaElement>('meta[name="farhand-relay"]');

/** The relays that the page's server allows; the first one resolves phrases. */
export const relays: readonly string[] = (meta?.content ?? "").split(/\s+/).filter(Boolean);

export function mayDial(url: string): boolean {
  return relays.length === 0 || relays.includes(url);
}
