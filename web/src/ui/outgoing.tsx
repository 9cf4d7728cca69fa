// What is on its way, in the words of the five states: a prompt as the bubble that it will
// be, anything else as one line. Nothing here guesses.

import { useEffect } from "preact/hooks";
import type { Act } from "../client/acts";
import type { Desk } from "../client/desk";
import type { Outgoing } from "../client/outbox";
import { copyText, Empty, IconButton } from "./bits";
import { baseName } from "./format";
import { go, useDesk } from "./hooks";
import { Icon } from "./icons";

const PROGRESS = {
  queued: "Queued",
  host: "With the host",
  taken: "Taken by the agent",
  unknown: "Outcome unknown",
  failed: "Not delivered",
} as const;

export function Sending({ desk, message }: { desk: Desk; message: Outgoing }) {
  const { progress } = message;
  const stuck = progress === "failed" || progress === "unknown";
  const words = message.next && progress === "queued" ? "Queued for after this turn" : PROGRESS[progress];
  return (
    <div class={`mine sending ${progress}`}>
      {message.images?.map((url, at) => <img class="attached" src={url} alt={`Picture ${at + 1}`} key={at} />)}
      {message.text && <div class="bubble">{message.text}</div>}
      <span class="progress" role={stuck ? "alert" : "status"}>
        <Ticks progress={progress} />
        {stuck ? `${PROGRESS[progress]}${message.sentence ? `: ${message.sentence}` : ""}` : <span>{words}</span>}
      </span>
      {progress === "queued" && message.seq === undefined && (
        <span class="rare"><button type="button" class="plain quiet" onClick={() => desk.outbox.drop(message)}>Remove</button></span>
      )}
      {stuck && (
        <span class="rare">
          <button type="button" class="plain" onClick={() => desk.outbox.retry(message)}>Send again</button>
          <button type="button" class="plain" onClick={() => copyText(message.text)}>Copy</button>
          <button type="button" class="plain" onClick={() => desk.outbox.drop(message)}>Remove</button>
        </span>
      )}
    </div>
  );
}

function Ticks({ progress }: { progress: Outgoing["progress"] }) {
  if (progress === "queued") return <Icon name="clock" size={14} />;
  if (progress === "host") return <Icon name="check" size={14} />;
  if (progress === "taken") return <span class="two-ticks"><Icon name="check" size={14} /><Icon name="check" size={14} /></span>;
  return <Icon name="alert" size={14} />;
}

/** Rename, archive, interrupt, fork, review: one line while it is on its way. */
export function ActLine({ desk, act }: { desk: Desk; act: Act }) {
  const stuck = act.progress === "failed" || act.progress === "unknown";
  return (
    <p class={`act-line ${act.progress}`} role={stuck ? "alert" : "status"}>
      <Ticks progress={act.progress} />
      <span class="grow"><b>{act.what}</b>: {PROGRESS[act.progress].toLowerCase()}{act.sentence ? `. ${act.sentence}` : ""}</span>
      {stuck && <button type="button" class="plain" onClick={() => desk.acts.retry(act)}>Again</button>}
      {(stuck || (act.progress === "queued" && act.seq === undefined)) && (
        <button type="button" class="plain quiet" onClick={() => desk.acts.drop(act)}>{stuck ? "Dismiss" : "Take back"}</button>
      )}
    </p>
  );
}

/** A thread that the host has not made yet, with its first words. */
export function Starting({ desk, id }: { desk: Desk; id: string }) {
  useDesk(desk);
  const act = desk.acts.starts.find((start) => start.threadId === id);
  const arrived = desk.arrivals.get(id.slice(4));
  useEffect(() => {
    if (arrived) go({ at: "thread", id: arrived }, true);
  }, [arrived]);
  const cwd = typeof act?.params["cwd"] === "string" ? act.params["cwd"] : "";
  const again = () => {
    if (act) desk.acts.retry(act);
  };
  return (
    <div class="pane thread">
      <header class="bar">
        <IconButton icon="back" label="Back to threads" onClick={() => go({ at: "threads" })} tone="only-narrow" />
        <div class="bar-title"><h1>New thread</h1><span>{cwd ? baseName(cwd) : desk.client.host.name}</span></div>
      </header>
      <div class="scroll stream">
        <div class="column">
          {act ? (
            <div class={`mine sending ${act.progress}`}>
              <div class="bubble">{act.text}</div>
              <span class="progress" role={act.sentence ? "alert" : "status"}>
                <Ticks progress={act.progress} /><span>{PROGRESS[act.progress]}{act.sentence ? `: ${act.sentence}` : ""}</span>
              </span>
              <span class="rare">
                {(act.progress === "failed" || act.progress === "unknown") && <button type="button" class="plain" onClick={again}>Start again</button>}
                <button type="button" class="plain" onClick={() => copyText(act.text ?? "")}>Copy</button>
                {act.progress !== "host" && <button type="button" class="plain quiet" onClick={() => { desk.acts.drop(act); go({ at: "threads" }); }}>Remove</button>}
              </span>
            </div>
          ) : !arrived && <Empty icon="plan" title="This thread has begun elsewhere"><p>It is in the list.</p></Empty>}
        </div>
      </div>
    </div>
  );
}
