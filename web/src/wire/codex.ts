// The shapes of app-server v2 that this program reads: only the members it uses.
// Everything comes from the other side, so members that a newer agent may leave out
// are optional here, and unknown kinds of items are shown by their name.

export type ActiveFlag = "waitingOnApproval" | "waitingOnUserInput";
export type ThreadStatus =
  | { type: "notLoaded" | "idle" | "systemError" }
  | { type: "active"; activeFlags: ActiveFlag[] };

export interface Thread {
  id: string;
  name?: string | null;
  preview: string;
  cwd: string;
  model?: string | null;
  reasoningEffort?: string | null;
  createdAt: number; // seconds
  updatedAt: number;
  recencyAt?: number | null;
  ephemeral?: boolean;
  threadSource?: string | null;
  canAcceptDirectInput?: boolean | null;
  gitInfo?: { branch?: string | null } | null;
  status: ThreadStatus;
  turns?: Turn[];
}

export type TurnStatus = "inProgress" | "completed" | "interrupted" | "failed";

export interface TurnError {
  message: string;
  additionalDetails?: string | null;
}

export interface Turn {
  id: string;
  status: TurnStatus;
  items?: Item[];
  error?: TurnError | null;
  startedAt?: number | null;
  durationMs?: number | null;
}

export interface UserInput {
  type: string;
  text?: string;
  url?: string;
  path?: string;
  name?: string;
}

export interface FileChange {
  path: string;
  kind: { type: "add" | "delete" | "update"; move_path?: string | null };
  diff: string;
}

export type WorkStatus = "inProgress" | "completed" | "failed" | "declined";

interface Base {
  id: string;
}
export interface UserMessage extends Base {
  type: "userMessage";
  clientId?: string | null;
  content: UserInput[];
}
export interface AgentMessage extends Base {
  type: "agentMessage";
  text: string;
  phase?: string | null;
}
export interface Reasoning extends Base {
  type: "reasoning";
  summary: string[];
  content: string[];
}
export interface Command extends Base {
  type: "commandExecution";
  command: string;
  cwd: string;
  source?: string;
  status: WorkStatus;
  aggregatedOutput?: string | null;
  exitCode?: number | null;
  durationMs?: number | null;
}
export interface Patch extends Base {
  type: "fileChange";
  changes: FileChange[];
  status: WorkStatus;
}
export interface Plan extends Base {
  type: "plan";
  text: string;
}
export interface ToolCall extends Base {
  type: "mcpToolCall" | "dynamicToolCall";
  server?: string;
  namespace?: string | null;
  tool: string;
  status: string;
  arguments?: unknown;
  error?: { message?: string } | null;
  durationMs?: number | null;
}
/** Every other kind; `type` names it. */
export interface OtherItem extends Base {
  type: "other";
  kind: string;
  detail: string;
}

export type Item =
  | UserMessage | AgentMessage | Reasoning | Command | Patch | Plan | ToolCall | OtherItem;

const KNOWN = new Set([
  "userMessage", "agentMessage", "reasoning", "commandExecution", "fileChange", "plan",
  "mcpToolCall", "dynamicToolCall",
]);

/** What a kind without a card of its own says about itself in one line. */
function detailOf(raw: Record<string, unknown>): string {
  for (const key of ["query", "path", "review", "name", "tool"]) {
    if (typeof raw[key] === "string") return raw[key];
  }
  return "";
}

function lists(raw: Record<string, unknown>, ...keys: string[]): Record<string, unknown> {
  const out = { ...raw };
  for (const key of keys) if (!Array.isArray(out[key])) out[key] = [];
  return out;
}

/** Makes an item safe to draw: known kinds get the lists they need, others a line. */
export function toItem(value: unknown): Item | undefined {
  const raw = value as Record<string, unknown> | null;
  if (!raw || typeof raw["id"] !== "string" || typeof raw["type"] !== "string") return undefined;
  if (!KNOWN.has(raw["type"])) {
    return { type: "other", id: raw["id"], kind: raw["type"], detail: detailOf(raw) };
  }
  if (raw["type"] === "agentMessage" || raw["type"] === "plan") {
    return { ...raw, text: typeof raw["text"] === "string" ? raw["text"] : "" } as Item;
  }
  return lists(raw, "content", "summary", "changes") as unknown as Item;
}

// --- what the host asks a person -----------------------------------------------------

export interface ThreadRequestParams {
  threadId: string;
  turnId?: string | null;
  itemId?: string;
  reason?: string | null;
}

export interface CommandApproval extends ThreadRequestParams {
  kind?: string;
  command?: string | null;
  cwd?: string | null;
  networkApprovalContext?: { host: string; protocol: string } | null;
  availableDecisions?: unknown[] | null;
}

export interface PermissionsApproval extends ThreadRequestParams {
  cwd: string;
  permissions: {
    network?: { enabled: boolean | null } | null;
    fileSystem?: { read: string[] | null; write: string[] | null } | null;
  };
}

export interface Question {
  id: string;
  header: string;
  question: string;
  isOther: boolean;
  isSecret: boolean;
  options: { label: string; description: string }[] | null;
}

export interface QuestionParams extends ThreadRequestParams {
  questions: Question[];
}

export interface FormField {
  type: "string" | "number" | "integer" | "boolean" | "array";
  title?: string;
  description?: string;
  enum?: string[];
  oneOf?: { const: string; title: string }[];
  default?: unknown;
}

export interface ElicitationParams extends ThreadRequestParams {
  serverName: string;
  mode: string;
  message: string;
  url?: string;
  requestedSchema?: { properties?: Record<string, FormField>; required?: string[] };
}

export interface Decider {
  kind: "device" | "local" | "outside" | "agent";
  name: string;
  person?: string;
  clientId?: string;
}

// --- the host's own ---------------------------------------------------------------------

export interface FarhandStatus {
  host: { name: string; version: string; hostId: string; cwd?: string; trust?: { state: string; asks?: boolean } };
  agent: {
    state: "starting" | "ready" | "down" | "loginRequired";
    version?: string;
    kind?: "own" | "joined";
    practice?: boolean;
    shared?: boolean;
    lastError?: string | null;
    next?: string | null;
    ageMs?: number;
  };
  relay?: { state: string; url?: string; lastError?: string | null; next?: string | null; ageMs?: number };
  devices?: DeviceStatus[];
  audit?: { idx: number; head: string; lastError?: string | null };
  controllers?: number;
  you?: { role: string; capabilities: string[]; clientId?: string; displayName?: string; person?: string; threads?: string[] | null; until?: number | null };
}

export interface DeviceStatus {
  clientId: string;
  displayName?: string | null;
  role?: string;
  connected?: boolean;
  lastSeenAt?: number | null;
  person?: string;
  until?: number | null;
}

/** How much a thread may do without asking. */
export interface Profile {
  name: string;
  approvalPolicy?: string;
  sandboxMode?: string;
  networkAccess?: boolean;
  model?: string | null;
  mayChoose?: boolean;
  why?: string | null;
}

/** A device that wants to be let in. */
export interface PairingRow {
  pairingId: string;
  state: string;
  role?: string;
  person?: string | null;
  sas?: string;
  deviceName?: string;
  asksPerson?: boolean;
}

/** Who is on a thread. */
export interface Present {
  kind: string;
  name: string;
  person?: string;
  role?: string;
  clientId?: string;
}

/** What somebody allowed for longer than once. */
export interface KeptRule {
  ruleId: string;
  scope: "thread" | "restart" | "kept";
  threadId?: string;
  cwd?: string;
  command?: string[];
  whole?: boolean;
  paths?: string[];
  by?: Decider;
  createdAt?: number;
  uses?: number;
  lastUsedAt?: number | null;
}

export interface Queued {
  id: string;
  input: UserInput[];
  clientUserMessageId?: string;
}

export interface Model {
  id: string;
  model: string;
  displayName?: string;
  description?: string;
  hidden?: boolean;
  isDefault?: boolean;
  defaultReasoningEffort?: string;
  supportedReasoningEfforts?: { reasoningEffort: string; description?: string }[];
}

export interface DeviceRow {
  clientId: string;
  displayName?: string | null;
  platform?: string | null;
  lastSeenAt?: number | null;
  farhand?: { connected?: boolean; role?: string; person?: string; threads?: string[] | null; until?: number | null; over?: boolean };
}

export interface Folder {
  path: string;
  lastUsedAt?: number;
}
