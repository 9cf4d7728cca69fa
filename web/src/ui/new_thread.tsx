// A new thread: a folder of the host, and the first prompt.

import { useEffect, useState } from "preact/hooks";
import type { Desk } from "../client/desk";
import type { Folder, Profile } from "../wire/codex";
import { IconButton, Waiting } from "./bits";
import { Composer } from "./composer";
import { baseName, shortPath } from "./format";
import { go } from "./hooks";
import { Icon } from "./icons";

interface Folders {
  chosen: string | undefined;
  list: Folder[];
}

async function foldersOf(desk: Desk): Promise<Folders> {
  try {
    const { default: standard, data } = await desk.folders();
    const list = standard && !data.some((f) => f.path === standard)
      ? [{ path: standard }, ...data] : data;
    return { chosen: standard ?? list[0]?.path, list };
  } catch {
    // An older host: the folders of known threads, newest first.
    const paths = [...new Set([...desk.threads.values()].map((thread) => thread.cwd))];
    return { chosen: paths[0], list: paths.filter(Boolean).map((path) => ({ path })) };
  }
}

export function NewThread({ desk }: { desk: Desk }) {
  const [folders, setFolders] = useState<Folders>();
  const [typed, setTyped] = useState("");
  const [profile, setProfile] = useState<string>();
  useEffect(() => {
    // Until the host answers: the folders of the threads that are known here.
    const known = [...new Set([...desk.threads.values()].map((thread) => thread.cwd))].filter(Boolean);
    if (desk.client.state.phase !== "open" && known.length > 0) {
      setFolders({ chosen: known[0], list: known.map((path) => ({ path })) });
    }
    void foldersOf(desk).then(setFolders);
  }, [desk]);

  const choose = (path: string) => {
    setTyped("");
    setFolders((f) => f && { ...f, chosen: path });
  };
  /** On disk from here on; without a line it waits, and says so. */
  const start = (text: string, images: string[]) => {
    const act = desk.begin(typed.trim() || folders?.chosen, text, images, profile);
    go({ at: "thread", id: act.threadId }, true);
  };

  return (
    <div class="pane new-thread">
      <header class="bar">
        <IconButton icon="back" label="Back to threads" onClick={() => go({ at: "threads" })} tone="only-narrow" />
        <div class="bar-title"><h1>New thread</h1><span>on {desk.client.host.name}</span></div>
      </header>
      <div class="scroll padded">
        <h2 class="label" id="folder-label">Folder on {desk.client.host.name}</h2>
        {!folders && <Waiting what="Asking the host for its folders." />}
        {folders && (
          <div class="folders" role="radiogroup" aria-labelledby="folder-label">
            {folders.list.slice(0, 12).map(({ path }) => (
              <button
                type="button" role="radio" key={path} class="folder"
                aria-checked={!typed && folders.chosen === path} onClick={() => choose(path)}
              >
                <Icon name="folder" />
                <span><b>{baseName(path)}</b><small>{shortPath(path)}</small></span>
                <Icon name="check" size={18} />
              </button>
            ))}
            <label class="field">
              <span>Another folder</span>
              <input
                value={typed} placeholder="/home/you/project" spellcheck={false} autocapitalize="off"
                onInput={(event) => setTyped(event.currentTarget.value)}
              />
            </label>
          </div>
        )}
        <Profiles desk={desk} chosen={profile} onChoose={setProfile} />
      </div>
      <Composer
        draftKey={`new:${desk.client.host.id}`} placeholder="What should the agent do?"
        onSend={start}
      />
    </div>
  );
}

/** How much the thread may do without asking: the host's own profile, or one that it offers. */
function Profiles({ desk, chosen, onChoose }: {
  desk: Desk; chosen: string | undefined; onChoose: (name: string | undefined) => void;
}) {
  const [list, setList] = useState<{ default?: Profile; data: Profile[] }>();
  useEffect(() => {
    let here = true;
    // A host without profiles has nothing to choose.
    void desk.profiles().then((profiles) => here && setList(profiles), () => undefined);
    return () => {
      here = false;
    };
  }, [desk]);
  if (!list || list.data.length === 0) return null;
  return (
    <>
      <h2 class="label" id="profile-label">Profile</h2>
      <div class="folders" role="radiogroup" aria-labelledby="profile-label">
        <button type="button" role="radio" class="folder" aria-checked={chosen === undefined} onClick={() => onChoose(undefined)}>
          <Icon name="shield" /><span><b>The host's own</b><small>{list.default ? wordsOf(list.default) : ""}</small></span><Icon name="check" size={18} />
        </button>
        {list.data.map((profile) => (
          <button
            type="button" role="radio" class="folder" key={profile.name} aria-checked={chosen === profile.name}
            disabled={profile.mayChoose === false} onClick={() => onChoose(profile.name)}
          >
            <Icon name="shield" /><span><b>{profile.name}</b><small>{profile.mayChoose === false && profile.why ? profile.why : wordsOf(profile)}</small></span><Icon name="check" size={18} />
          </button>
        ))}
      </div>
    </>
  );
}

function wordsOf({ approvalPolicy, sandboxMode, networkAccess, model }: Profile): string {
  return [approvalPolicy && `asks: ${approvalPolicy}`, sandboxMode, networkAccess ? "network" : "", model].filter(Boolean).join(" · ");
}
