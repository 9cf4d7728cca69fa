// Forms of MCP tools: flat objects of texts, numbers, switches and choices.

import { useState } from "preact/hooks";
import type { ElicitationParams, FormField } from "../wire/codex";
import { Decision } from "../session/approval";
import { type AskProps, Buttons } from "./approval";
import { Exact } from "./bits";

type Value = string | boolean;

function start(field: FormField): Value {
  if (field.type === "boolean") return field.default === true;
  return typeof field.default === "string" || typeof field.default === "number" ? String(field.default) : "";
}

function typed(field: FormField, value: Value): unknown {
  if (field.type === "number" || field.type === "integer") return Number(value);
  if (field.type === "array") return value === "" ? [] : [value];
  return value;
}

function valid(field: FormField, value: Value, required: boolean): boolean {
  if (value === "") return !required;
  if (field.type === "number") return Number.isFinite(Number(value));
  return field.type !== "integer" || Number.isInteger(Number(value));
}

function Field({ name, field, value, onChange }: {
  name: string; field: FormField; value: Value; onChange: (value: Value) => void;
}) {
  const label = field.title ?? name;
  const choices = field.oneOf?.map((o) => [o.const, o.title] as const) ?? field.enum?.map((e) => [e, e] as const);
  if (field.type === "boolean") {
    return (
      <label class="switch">
        <input type="checkbox" checked={value === true} onChange={(event) => onChange(event.currentTarget.checked)} />
        <span>{label}{field.description && <small>{field.description}</small>}</span>
      </label>
    );
  }
  return (
    <label class="field">
      <span>{label}{field.description && <small>{field.description}</small>}</span>
      {choices ? (
        <select value={String(value)} onChange={(event) => onChange(event.currentTarget.value)}>
          <option value="">Choose</option>
          {choices.map(([key, words]) => <option value={key} key={key}>{words}</option>)}
        </select>
      ) : (
        <input
          value={String(value)} inputMode={field.type === "number" || field.type === "integer" ? "decimal" : "text"}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </label>
  );
}

export function Elicitation({ params, ready, answer }: AskProps<ElicitationParams>) {
  const fields = Object.entries(params.requestedSchema?.properties ?? {});
  const required = new Set(params.requestedSchema?.required ?? []);
  const [values, setValues] = useState<Record<string, Value>>(
    () => Object.fromEntries(fields.map(([name, field]) => [name, start(field)])));
  const complete = fields.every(([name, field]) => valid(field, values[name] ?? "", required.has(name)));
  const accept = () => answer(Decision.ANSWER, {
    action: "accept", _meta: null,
    content: Object.fromEntries(fields
      .filter(([name]) => values[name] !== "")
      .map(([name, field]) => [name, typed(field, values[name]!)])),
  });
  return (
    <>
      <div class="dock-scroll">
        <p class="reason"><b><Exact text={params.serverName} /></b>: <Exact text={params.message} /></p>
        {params.mode === "url" && params.url && <p class="exact"><Exact text={params.url} /></p>}
        {fields.map(([name, field]) => (
          <Field
            key={name} name={name} field={field} value={values[name] ?? ""}
            onChange={(value) => setValues({ ...values, [name]: value })}
          />
        ))}
      </div>
      <Buttons
        ready={ready} no={{ label: "Decline", act: () => answer(Decision.DECLINE) }}
        yes={{ label: fields.length > 0 ? "Send" : "Accept", act: accept, disabled: !complete }}
      >
        <button type="button" class="plain" disabled={!ready} onClick={() => answer(Decision.CANCEL)}>Cancel</button>
      </Buttons>
    </>
  );
}
