// What one does to a thread as a whole: rename, fork, archive; the model and effort of
// the turns that come; tokens; who else is here.

import { useEffect, useState } from "preact/hooks";
import type { Desk } from "../client/desk";
import type { ThreadModel } from "../client/thread";
import type { Model } from "../wire/codex";
import { Sheet, Waiting } from "./bits";
import { title } from "./format";
import { go, hashOf, useDesk } from "./hooks";
import { Icon, type IconName } from "./icons";

type Page = "menu" | "rename" | "model" | "archive";

export function ThreadMenu({ desk, model, maySteer, onClose }: {
  desk: Desk; model: ThreadModel; maySteer: boolean; onClose: () => void;
}) {
  useDesk(desk);
  const [page, setPage] = useState<Page>("menu");
  const offline = desk.client.state.phase !== "open";
  const fork = () => {
    const { id } = desk.fork(model);
    onClose();
    // Only who still waits here is taken along.
    const stop = desk.subscribe(() => {
      const made = desk.arrivals.get(id);
      if (made && location.hash === hashOf({ at: "thread", id: model.id })) go({ at: "thread", id: made });
      if (made || !desk.acts.all.some((act) => act.id === id)) stop();
    });
  };
  const archive = () => {
    desk.archive(model.id);
    go({ at: "threads" });
    onClose();
  };
  const review = () => {
    desk.review(model);
    onClose();
  };
  switch (page) {
    case "rename": return <Rename desk={desk} model={model} onClose={onClose} />;
    case "model": return <Choose desk={desk} model={model} onClose={onClose} />;
    case "archive": return (
      <Sheet title="Archive this thread?" onClose={onClose}>
        <p>It leaves the list on every device. Its history stays on the host; it is brought back from Settings, Archived.</p>
        <div class="answers">
          <button type="button" class="button" onClick={onClose}>Keep</button>
          <button type="button" class="button primary" onClick={archive}>Archive</button>
        </div>
      </Sheet>
    );
    default: return (
      <Sheet title={title(model.thread)} onClose={onClose}>
        {offline && <p class="note">The host is not reached right now. What you do here is queued, and done when it is back.</p>}
        {maySteer ? (
          <ul class="menu">
            <Act icon="pencil" label="Rename" act={() => setPage("rename")} />
            <Act icon="settings" label="Model and effort" disabled={offline} sub={[model.thread.model, model.thread.reasoningEffort].filter(Boolean).join(" · ")} act={() => setPage("model")} />
            <Act icon="branch" label="Fork" sub="A copy of the history, to try something else" act={fork} />
            <Act icon="search" label="Review uncommitted changes" sub="The agent reads what is not committed yet and says what it finds" act={review} />
            <Act icon="archive" label="Archive" act={() => setPage("archive")} />
          </ul>
        ) : <p class="note">Your role here does not change threads.</p>}
        <Facts desk={desk} model={model} />
      </Sheet>
    );
  }
}

function Act({ icon, label, sub, act, disabled }: {
  icon: IconName; label: string; sub?: string; act: () => void; disabled?: boolean;
}) {
  return (
    <li><button type="button" disabled={disabled} onClick={act}>
      <Icon name={icon} /><span class="grow">{label}{sub && <small>{sub}</small>}</span><Icon name="right" size={18} />
    </button></li>
  );
}

function Facts({ desk, model }: { desk: Desk; model: ThreadModel }) {
  const { tokens, thread } = model;
  const here = (desk.status?.value.devices ?? []).filter((device) => device.connected);
  const me = desk.status?.value.you?.clientId;
  return (
    <dl class="facts">
      <dt>Folder</dt><dd><code>{thread.cwd}</code></dd>
      {thread.gitInfo?.branch && <><dt>Branch</dt><dd><code>{thread.gitInfo.branch}</code></dd></>}
      <dt>Context</dt>
      <dd>{tokens
        ? <>{Math.round((100 * tokens.used) / tokens.window)} % used: {tokens.used.toLocaleString("en")} of {tokens.window.toLocaleString("en")} tokens
          <meter min={0} max={tokens.window} value={tokens.used} high={tokens.window * 0.8} aria-label="Context used" /></>
        : "not told yet: it comes with the next turn"}</dd>
      {tokens?.total !== undefined && <><dt>All turns</dt><dd>{tokens.total.toLocaleString("en")} tokens</dd></>}
      <dt>Who is here</dt>
      <dd>{here.length === 0 ? "only this device" : here.map((d) => `${d.displayName || "a device"}${d.clientId === me ? " (this one)" : ""}`).join(", ")}</dd>
    </dl>
  );
}

function Rename({ desk, model, onClose }: { desk: Desk; model: ThreadModel; onClose: () => void }) {
  const [name, setName] = useState(title(model.thread));
  const save = () => {
    desk.rename(model, name.trim());
    onClose();
  };
  return (
    <Sheet title="Rename" onClose={onClose}>
      <form class="word" onSubmit={(event) => { event.preventDefault(); save(); }}>
        <label class="field"><span>Name of this thread</span><input value={name} autofocus onInput={(event) => setName(event.currentTarget.value)} /></label>
        <div class="answers">
          <button type="button" class="button" onClick={onClose}>Cancel</button>
          <button type="submit" class="button primary" disabled={!name.trim()}>Rename</button>
        </div>
      </form>
    </Sheet>
  );
}

function Choose({ desk, model, onClose }: { desk: Desk; model: ThreadModel; onClose: () => void }) {
  const [models, setModels] = useState<Model[] | string>();
  useEffect(() => void desk.models().then(setModels, (error: Error) => setModels(error.message)), [desk]);
  const current = model.thread.model;
  const list = Array.isArray(models) ? models : [];
  const chosen = list.find((m) => m.model === current) ?? list.find((m) => m.isDefault);
  const efforts = chosen?.supportedReasoningEfforts ?? [];
  return (
    <Sheet title="Model and effort" onClose={onClose}>
      <p class="note">For the turns that come; the one that runs keeps what it has.</p>
      {models === undefined && <Waiting what="Asking the agent for its models." />}
      {typeof models === "string" && <p class="failure" role="alert"><Icon name="alert" size={18} />{models}</p>}
      <div class="folders" role="radiogroup" aria-label="Model">
        {list.map((m) => (
          <button type="button" role="radio" class="folder" key={m.id} aria-checked={chosen?.id === m.id} onClick={() => void desk.choose(model, { model: m.model })}>
            <span><b>{m.displayName ?? m.model}</b>{m.description && <small>{m.description}</small>}</span><Icon name="check" size={18} />
          </button>
        ))}
      </div>
      {efforts.length > 1 && (
        <>
          <h3 class="label" id="effort">Effort</h3>
          <div class="segments" role="radiogroup" aria-labelledby="effort">
            {efforts.map(({ reasoningEffort: effort }) => (
              <button
                type="button" role="radio" key={effort}
                aria-checked={(model.thread.reasoningEffort ?? chosen?.defaultReasoningEffort) === effort}
                onClick={() => void desk.choose(model, { effort })}
              >{effort}</button>
            ))}
          </div>
        </>
      )}
    </Sheet>
  );
}
