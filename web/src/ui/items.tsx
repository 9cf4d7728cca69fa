// One item of a thread, drawn again only when its revision changed.

import { memo } from "preact/compat";
import { useState } from "preact/hooks";
import type { Entry } from "../client/thread";
import type { AgentMessage, OtherItem, Patch, Plan, Reasoning, ToolCall, UserMessage } from "../wire/codex";
import { CommandCard } from "./command";
import { IconButton } from "./bits";
import { ASKS, type Asks, DecidedBy } from "./decision";
import { FileDiff } from "./diff";
import { baseName, duration } from "./format";
import { go } from "./hooks";
import { Icon, type IconName } from "./icons";
import { Markdown } from "./markdown";
import { isShown } from "./pictures";

function User({ item }: { item: UserMessage }) {
  const text = item.content.map((part) => part.text ?? "").filter(Boolean).join("\n");
  const attached = item.content.filter((part) => part.type !== "text");
  return (
    <div class="mine">
      {attached.filter((part) => isShown(part.url)).map((part, at) => <img class="attached" src={part.url!} alt={`Picture ${at + 1}`} loading="lazy" decoding="async" key={at} />)}
      {text && <div class="bubble">{text}</div>}
      {attached.filter((part) => !isShown(part.url)).map((part, at) => (
        <span class="chip" key={at}><Icon name="file" size={14} />{part.name ?? baseName(part.path ?? part.type)}</span>
      ))}
    </div>
  );
}

function Agent({ entry }: { entry: Entry }) {
  const item = entry.item as AgentMessage;
  return (
    <div class="agent">
      {entry.partial && <p class="note">This answer began before the host came back.</p>}
      <Markdown text={item.text} live={entry.open} />
    </div>
  );
}

function Thought({ entry }: { entry: Entry }) {
  const item = entry.item as Reasoning;
  const [open, setOpen] = useState(false);
  const text = [...item.summary, ...item.content].filter(Boolean).join("\n\n");
  if (text === "") return entry.open ? <p class="thought-head live">Thinking</p> : null;
  const head = /^\*\*(.+?)\*\*/.exec(text)?.[1] ?? "Thought";
  return (
    <div class="thought">
      <button type="button" class={`thought-head ${entry.open ? "live" : ""}`} aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="thought" size={18} /><span>{head}</span><Icon name={open ? "down" : "right"} size={16} />
      </button>
      {open && <Markdown text={text} live={entry.open} />}
    </div>
  );
}

function patchWord(entry: Entry, item: Patch, asks: Asks): { word: string; tone: string } {
  if (asks) return { word: ASKS[asks], tone: "wait" };
  if (item.status === "declined") return { word: "declined", tone: "bad" };
  if (item.status === "failed") return { word: "failed", tone: "bad" };
  if (item.status === "completed") return { word: "applied", tone: "good" };
  return entry.open ? { word: "writing", tone: "live" } : { word: "not applied", tone: "" };
}

function PatchCard({ entry, asks, root, threadId }: { entry: Entry; asks: Asks; root: string; threadId: string }) {
  const item = entry.item as Patch;
  const { word, tone } = patchWord(entry, item, asks);
  const files = item.changes.length === 1 ? "1 file" : `${item.changes.length} files`;
  return (
    <article class={`card patch ${tone}`}>
      <header class="card-head">
        <Icon name="file" size={18} />
        <span class="grow">Changes {files}</span>
        <span class={`chip ${tone}`}>{tone === "good" && <Icon name="check" size={14} />}{word}</span>
        <IconButton icon="expand" label="Open the whole change" onClick={() => go({ at: "diff", id: threadId, item: item.id })} />
      </header>
      {item.changes.map((change) => <FileDiff change={change} root={root} key={`${change.path}${asks}`} open={!asks && item.changes.length < 4} />)}
      {entry.decision?.by && <footer class="card-foot"><DecidedBy decision={entry.decision} /></footer>}
    </article>
  );
}

function Tool({ entry }: { entry: Entry }) {
  const item = entry.item as ToolCall;
  const name = [item.server ?? item.namespace, item.tool].filter(Boolean).join(" · ");
  const failed = item.error?.message ?? (item.status === "failed" ? "failed" : "");
  return (
    <p class="line">
      <Icon name="tool" size={18} /><span class="grow">{name}</span>
      {failed ? <span class="chip bad">{failed}</span> : entry.open
        ? <span class="chip live"><i class="pulse" />running</span>
        : <small>{duration(item.durationMs)}</small>}
    </p>
  );
}

const OTHER: Record<string, [IconName, string]> = {
  webSearch: ["globe", "Searched the web"],
  imageView: ["file", "Looked at an image"],
  imageGeneration: ["file", "Made an image"],
  contextCompaction: ["more", "Shortened its memory of this thread"],
  enteredReviewMode: ["search", "Began a review"],
  exitedReviewMode: ["search", "Ended the review"],
  sleep: ["clock", "Waited"],
  subAgentActivity: ["tool", "Worked through a helper"],
  collabAgentToolCall: ["tool", "Worked through a helper"],
};

function Other({ item }: { item: OtherItem }) {
  const [icon, words] = OTHER[item.kind] ?? ["more", item.kind];
  return (
    <p class="line">
      <Icon name={icon as IconName} size={18} /><span>{words}</span>
      {item.detail && <small class="grow">{item.detail}</small>}
    </p>
  );
}

export const ItemView = memo(function ItemView({ entry, asks, root, threadId }: {
  entry: Entry; revision: number; open: boolean; asks: Asks; root: string; threadId: string;
}) {
  switch (entry.item.type) {
    case "userMessage": return <User item={entry.item} />;
    case "agentMessage": return <Agent entry={entry} />;
    case "reasoning": return <Thought entry={entry} />;
    case "commandExecution": return <CommandCard entry={entry} asks={asks} />;
    case "fileChange": return <PatchCard entry={entry} asks={asks} root={root} threadId={threadId} />;
    case "plan": return <article class="card plan"><header class="card-head"><Icon name="plan" size={18} /><span>Plan</span></header><div class="card-body"><Markdown text={(entry.item as Plan).text} live={entry.open} /></div></article>;
    case "mcpToolCall":
    case "dynamicToolCall": return <Tool entry={entry} />;
    default: return <Other item={entry.item} />;
  }
});
