// Small hooks: the route, the clock, the desk, drafts.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Desk } from "../client/desk";

export type Route =
  | { at: "threads" }
  | { at: "thread"; id: string }
  | { at: "diff"; id: string; item: string }
  | { at: "new" }
  | { at: "inbox" }
  | { at: "devices" }
  | { at: "settings" }
  | { at: "log" }
  | { at: "archived" }
  | { at: "rules" }
  | { at: "pair" };

const PLAIN = ["new", "inbox", "devices", "settings", "log", "archived", "rules", "pair"] as const;

export function parseRoute(hash: string): Route {
  const [, at, id, item] = hash.replace(/^#/, "").split("/");
  if (at === "t" && id) return { at: "thread", id: decodeURIComponent(id) };
  if (at === "d" && id && item) return { at: "diff", id: decodeURIComponent(id), item: decodeURIComponent(item) };
  const plain = PLAIN.find((name) => name === at);
  if (plain) return { at: plain };
  return { at: "threads" };
}

export function hashOf(route: Route): string {
  if (route.at === "threads") return "#/";
  if (route.at === "diff") return `#/d/${encodeURIComponent(route.id)}/${encodeURIComponent(route.item)}`;
  return route.at === "thread" ? `#/t/${encodeURIComponent(route.id)}` : `#/${route.at}`;
}

export function go(route: Route, replace = false): void {
  if (replace) {
    history.replaceState(null, "", hashOf(route));
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = hashOf(route);
  }
}

export function useRoute(): Route {
  const [route, set] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const changed = () => set(parseRoute(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

/** Redraws when the desk changed, at most once a frame. */
export function useDesk(desk: Desk): void {
  useSource(desk, (listener) => desk.subscribe(listener));
}

/** Also while text grows: for who shows the text. */
export function useDeskText(desk: Desk): void {
  useSource(desk, (listener) => desk.subscribeText(listener));
}

function useSource(desk: Desk, subscribe: (listener: () => void) => () => void): void {
  const [, redraw] = useState(0);
  useEffect(() => {
    let frame = 0;
    const stop = subscribe(() => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        redraw((n) => n + 1);
      });
    });
    redraw((n) => n + 1);
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  }, [desk]);
}

/** Redraws when any of them changed. */
export function useDesks(desks: readonly Desk[]): void {
  const [, redraw] = useState(0);
  useEffect(() => {
    let frame = 0;
    const changed = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        redraw((n) => n + 1);
      });
    };
    const stops = desks.map((desk) => desk.subscribe(changed));
    return () => {
      for (const stop of stops) stop();
      cancelAnimationFrame(frame);
    };
  }, [desks]);
}

/** The time, anew every `everyMs` while the page can be seen. */
export function useNow(everyMs = 1000): number {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) set(Date.now());
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** A draft survives reloads, crashes and phone calls; empty ones are removed. */
export function useDraft(key: string): [string, (text: string) => void] {
  const name = `farhand:draft:${key}`;
  const [draft, set] = useState(() => localStorage.getItem(name) ?? "");
  useEffect(() => {
    const read = () => set(localStorage.getItem(name) ?? "");
    const put = (event: Event) => (event as CustomEvent<string>).detail === name && read();
    read();
    addEventListener("farhand:draft", put); // another part of the page wrote it
    return () => removeEventListener("farhand:draft", put);
  }, [name]);
  return [draft, (text) => {
    set(text);
    try {
      if (text) localStorage.setItem(name, text);
      else localStorage.removeItem(name);
    } catch {
      // No room: the draft lives as long as this page; the strip says so.
    }
  }];
}

/** Keeps the end in view while it grows, unless the person scrolled up to read. */
export function useStickToEnd(dependency: unknown) {
  const ref = useRef<HTMLDivElement>(null);
  const stuck = useRef(true);
  const [away, setAway] = useState(false);
  useEffect(() => {
    const box = ref.current;
    if (!box) return;
    const scrolled = () => {
      stuck.current = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
      setAway(!stuck.current);
    };
    box.addEventListener("scroll", scrolled, { passive: true });
    // What is inside may grow without a redraw of ours: images, folds, the keyboard.
    const observer = new ResizeObserver(() => stuck.current && box.scrollTo({ top: box.scrollHeight }));
    observer.observe(box);
    for (const child of box.children) observer.observe(child);
    return () => {
      box.removeEventListener("scroll", scrolled);
      observer.disconnect();
    };
  }, []);
  useLayoutEffect(() => {
    const box = ref.current;
    if (box && stuck.current) box.scrollTop = box.scrollHeight;
  }, [dependency]); // what merely grows is followed by the observer, without a second layout
  const toEnd = () => {
    stuck.current = true;
    ref.current?.scrollTo({ top: ref.current.scrollHeight, behavior: "smooth" });
  };
  return { ref, away, toEnd };
}
