// What waits for a person, docked above the composer within reach of a thumb: exactly
// what would run or change, why, and the buttons.
//
// The buttons come alive a moment after the card has appeared: a tap that was meant
// for something else must never approve a command.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Desk, PendingRequest } from "../client/desk";
import type { ThreadModel } from "../client/thread";
import type {
  CommandApproval, ElicitationParams, Patch, PermissionsApproval, QuestionParams, ThreadRequestParams,
} from "../wire/codex";
import { Exact } from "./bits";
import { FileDiff } from "./diff";
import { Elicitation } from "./form";
import { Icon, type IconName } from "./icons";
import { Questions } from "./question";

const SETTLE_MS = 400;

export function useSettled(id: unknown): boolean {
  const [settled, set] = useState<unknown>();
  useEffect(() => {
    const timer = setTimeout(() => set(id), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [id]);
  return settled === id;
}

export interface AskProps<P> {
  params: P;
  ready: boolean;
  answer: (result: unknown) => void;
}

export function Dock({ desk, model, mayAnswer }: { desk: Desk; model: ThreadModel; mayAnswer: boolean }) {
  const requests = desk.requestsOf(model.id);
  const request = requests[0];
  const settled = useSettled(request?.id);
  if (!request) return null;
  const { icon, title } = headOf(request);
  const answer = (result: unknown) => desk.answer(request, result);
  return (
    <section class="dock" aria-label={title} aria-live="polite" key={String(request.id)}>
      <header class="dock-head">
        <Icon name={icon} size={18} /><h2>{title}</h2>
        {requests.length > 1 && <span class="chip">1 of {requests.length}</span>}
      </header>
      {request.answering
        ? <p class="note">Sent. Waiting for the host to act on it.</p>
        : mayAnswer
          ? <Ask request={request} model={model} ready={settled} answer={answer} />
          : <p class="note">Your role here is to watch: someone else decides this.</p>}
    </section>
  );
}

function headOf(request: PendingRequest): { icon: IconName; title: string } {
  switch (request.method) {
    case "item/commandExecution/requestApproval": {
      const network = (request.params as unknown as CommandApproval).networkApprovalContext;
      return network ? { icon: "globe", title: "Reach the network?" } : { icon: "terminal", title: "Run this command?" };
    }
    case "item/fileChange/requestApproval": return { icon: "file", title: "Make this change?" };
    case "item/permissions/requestApproval": return { icon: "shield", title: "Grant this for the turn?" };
    case "item/tool/requestUserInput": return { icon: "question", title: "The agent asks" };
    default: return { icon: "question", title: "A tool asks" };
  }
}

function Ask({ request, model, ready, answer }: {
  request: PendingRequest; model: ThreadModel; ready: boolean; answer: (result: unknown) => void;
}) {
  const params = request.params as unknown;
  switch (request.method) {
    case "item/commandExecution/requestApproval":
      return <AskCommand params={params as CommandApproval} ready={ready} answer={answer} />;
    case "item/fileChange/requestApproval":
      return <AskPatch params={params as ThreadRequestParams} ready={ready} answer={answer} model={model} />;
    case "item/permissions/requestApproval":
      return <AskPermissions params={params as PermissionsApproval} ready={ready} answer={answer} />;
    case "item/tool/requestUserInput":
      return <Questions params={params as QuestionParams} ready={ready} answer={answer} />;
    default:
      return <Elicitation params={params as ElicitationParams} ready={ready} answer={answer} />;
  }
}

function Reason({ text }: { text: string | null | undefined }) {
  return text ? <p class="reason"><Exact text={text} /></p> : null;
}

/** Decline at the left, approve at the right, the rarer answers in a row below. */
export function Buttons({ ready, yes, no, children }: {
  ready: boolean;
  yes: { label: string; act: () => void; disabled?: boolean };
  no: { label: string; act: () => void };
  children?: ComponentChildren;
}) {
  return (
    <div class="answers">
      <button type="button" class="button" disabled={!ready} onClick={no.act}>{no.label}</button>
      <button type="button" class="button primary" disabled={!ready || yes.disabled} onClick={yes.act}>{yes.label}</button>
      {children && <div class="rare">{children}</div>}
    </div>
  );
}

function offers(params: { availableDecisions?: unknown[] | null }, decision: string): boolean {
  return params.availableDecisions?.includes(decision) ?? false;
}

function AskCommand({ params, ready, answer }: AskProps<CommandApproval>) {
  const decide = (decision: string) => () => answer({ decision });
  return (
    <>
      <div class="dock-scroll">
        <Reason text={params.reason} />
        {params.networkApprovalContext && (
          <p class="exact">{params.networkApprovalContext.protocol}://<Exact text={params.networkApprovalContext.host} /></p>
        )}
        {params.command && <pre class="exact" tabIndex={0}><Exact text={params.command} /></pre>}
        {params.cwd && <p class="where"><Icon name="folder" size={16} /><Exact text={params.cwd} /></p>}
      </div>
      <Buttons ready={ready} no={{ label: "Decline", act: decide("decline") }} yes={{ label: "Approve", act: decide("accept") }}>
        {offers(params, "acceptForSession") && (
          <button type="button" class="plain" disabled={!ready} onClick={decide("acceptForSession")}>Approve for this session</button>
        )}
        <button type="button" class="plain quiet" disabled={!ready} onClick={decide("cancel")}>Decline and stop the turn</button>
      </Buttons>
    </>
  );
}

function AskPatch({ params, ready, answer, model }: AskProps<ThreadRequestParams> & { model: ThreadModel }) {
  const item = params.itemId ? model.entry(params.itemId)?.item : undefined;
  const changes = item?.type === "fileChange" ? (item as Patch).changes : undefined;
  const decide = (decision: string) => () => answer({ decision });
  return (
    <>
      <div class="dock-scroll">
        <Reason text={params.reason} />
        {changes?.map((change) => <FileDiff change={change} root={model.thread.cwd} key={change.path} />)}
        {!changes && <p class="note">The change itself has not arrived here, so it cannot be approved from this device.</p>}
      </div>
      <Buttons
        ready={ready} no={{ label: "Decline", act: decide("decline") }}
        yes={{ label: "Approve", act: decide("accept"), disabled: !changes }}
      >
        <button type="button" class="plain quiet" disabled={!ready} onClick={decide("cancel")}>Decline and stop the turn</button>
      </Buttons>
    </>
  );
}

function AskPermissions({ params, ready, answer }: AskProps<PermissionsApproval>) {
  const { network, fileSystem } = params.permissions;
  return (
    <>
      <div class="dock-scroll">
        <Reason text={params.reason} />
        <ul class="extent">
          {network?.enabled && <li><Icon name="globe" size={16} />Use the network</li>}
          {fileSystem?.write?.map((path) => <li key={path}><Icon name="folder" size={16} />Write in <code><Exact text={path} /></code></li>)}
          {fileSystem?.read?.map((path) => <li key={path}><Icon name="folder" size={16} />Read <code><Exact text={path} /></code></li>)}
        </ul>
        <p class="where"><Icon name="folder" size={16} /><Exact text={params.cwd} /></p>
      </div>
      <Buttons
        ready={ready} no={{ label: "Decline", act: () => answer({ permissions: {}, scope: "turn" }) }}
        yes={{ label: "Grant", act: () => answer({ permissions: params.permissions, scope: "turn" }) }}
      />
    </>
  );
}
