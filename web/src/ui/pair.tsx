// Pairing: scan, type the phrase, or arrive by a link. Then six digits to compare.

import { useEffect, useRef, useState } from "preact/hooks";
import { type Controller, PairFailed, type Pairing, type PairStep, type HostRecord } from "../client";
import { roleNames } from "../session/pairing";
import { IconButton, Sheet, Waiting } from "./bits";
import { relays } from "./boot";
import { Icon, Mark } from "./icons";
import { PhraseField, type PhraseState } from "./phrase";
import { Scanner } from "./scan";

const ROLE_WORDS: Record<string, string> = {
  viewer: "read threads and watch them",
  approver: "read threads, and approve or decline",
  operator: "start and steer work, and approve",
  owner: "do everything, also pair and remove devices",
};

interface Props {
  controller: Controller;
  link: string | undefined;
  onPaired: (record: HostRecord) => void;
  onBack?: (() => void) | undefined;
  /** Why the person is here again. */
  notice?: string;
}

export function Pair({ controller, link, onPaired, onBack, notice }: Props) {
  const [step, setStep] = useState<PairStep>();
  const [failure, setFailure] = useState("");
  const [scanning, setScanning] = useState(false);
  const pairing = useRef<Pairing | undefined>(undefined);

  const follow = (next: Pairing) => {
    pairing.current = next;
    setFailure("");
    setStep({ step: "connecting" });
    next.onStep(setStep);
    next.done.then(onPaired, (error: unknown) => {
      setStep(undefined);
      setFailure(error instanceof PairFailed ? error.message : "Pairing failed.");
    });
  };
  const byLink = (text: string) => follow(controller.pairByLink(text));
  const byPhrase = (typed: string) => {
    controller.pairByPhrase(typed, relays[0] ?? "").then(follow, (error: unknown) =>
      setFailure(error instanceof Error ? error.message : "Pairing failed."));
  };
  useEffect(() => {
    if (link) byLink(link);
  }, [link]);

  if (step) return <Progress step={step} pairing={pairing.current!} />;
  return (
    <main class="pair">
      {onBack && <IconButton icon="back" label="Back" onClick={onBack} />}
      <div class="pair-head">
        <Mark size={56} />
        <h1>Pair with your host</h1>
        <p>Run <code>farhand up</code> on the machine where your agent works. It shows a code and a phrase.</p>
      </div>
      {notice && !failure && <p class="failure" role="status"><Icon name="alert" size={18} />{notice}</p>}
      {failure && <p class="failure" role="alert"><Icon name="alert" size={18} />{failure}</p>}
      <Ways onScan={() => setScanning(true)} onPhrase={byPhrase} onLink={byLink} />
      {scanning && (
        <Sheet title="Scan the code" onClose={() => setScanning(false)}>
          <Scanner
            onCode={(code) => { setScanning(false); byLink(code); }}
            onFailure={(sentence) => { setScanning(false); setFailure(sentence); }}
          />
        </Sheet>
      )}
      <p class="fine">The keys of this device are made here and cannot leave it. The relay between sees only ciphertext.</p>
    </main>
  );
}

function Ways({ onScan, onPhrase, onLink }: {
  onScan: () => void; onPhrase: (typed: string) => void; onLink: (link: string) => void;
}) {
  const [phrase, setPhrase] = useState<PhraseState>({ typed: "", ready: false });
  const [pasted, setPasted] = useState(false);
  return (
    <div class="ways">
      <button type="button" class="button primary big" onClick={onScan}><Icon name="scan" />Scan the code</button>
      <div class="or"><span>or</span></div>
      <form onSubmit={(event) => { event.preventDefault(); if (phrase.ready) onPhrase(phrase.typed); }}>
        <PhraseField disabled={relays.length === 0} onChange={setPhrase} />
        {relays.length === 0 && <p class="hint">This page knows no relay, so a phrase cannot be looked up here. Scan the code or open the link.</p>}
        <button type="submit" class="button big" disabled={!phrase.ready}>Pair with the phrase</button>
      </form>
      {pasted ? (
        <label class="field">
          <span>Link from the host</span>
          <input
            placeholder="https://…/#p=…" autocomplete="off" spellcheck={false} autofocus
            onInput={(event) => {
              const text = event.currentTarget.value;
              if (text.includes("#p=")) onLink(text);
            }}
          />
        </label>
      ) : <button type="button" class="plain centre" onClick={() => setPasted(true)}>Paste a link instead</button>}
    </div>
  );
}

function Progress({ step, pairing }: { step: PairStep; pairing: Pairing }) {
  if (step.step === "comparing") return <Compare step={step} pairing={pairing} />;
  const words = {
    connecting: "Reaching the relay.",
    securing: "Agreeing on keys with the host.",
    waiting: "Confirm on the host as well: it shows the same digits.",
  }[step.step];
  return (
    <main class="pair">
      <div class="pair-head"><Mark size={56} /><h1>Pairing</h1></div>
      {step.step === "waiting" ? <p class="centre lead">{words}</p> : null}
      <Waiting what={words} />
      <button type="button" class="plain centre" onClick={() => pairing.cancel()}>Cancel</button>
    </main>
  );
}

function Compare({ step, pairing }: { step: PairStep & { step: "comparing" }; pairing: Pairing }) {
  const role = roleNames[step.role] ?? "";
  return (
    <main class="pair">
      <div class="pair-head">
        <Mark size={56} />
        <h1>Same digits on {step.hostName || "the host"}?</h1>
      </div>
      <p class="digits" aria-label={step.digits.split("").join(" ")}>{step.digits}</p>
      {role && <p class="centre lead">This device will be <b>{role}</b>: it may {ROLE_WORDS[role]}.</p>}
      {step.tapNeeded ? (
        <div class="answers">
          <button type="button" class="button" onClick={() => pairing.cancel()}>They differ</button>
          <button type="button" class="button primary" onClick={() => pairing.matches()}>They match</button>
        </div>
      ) : (
        <>
          <p class="centre lead">If they are the same, say yes on the host.</p>
          <Waiting what="Waiting for the host." />
          <button type="button" class="plain centre" onClick={() => pairing.cancel()}>They differ: cancel</button>
        </>
      )}
    </main>
  );
}
