// asking-mcp: an MCP server on stdin and stdout with one tool, "ask", which asks the person at
// the other end for a colour (an elicitation) before it answers.
import { createInterface } from "node:readline";

const say = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
let waiting = null;

const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "asking", version: "1" },
  }),
  "tools/list": () => ({
    tools: [
      {
        name: "ask",
        description: "asks for a colour",
        inputSchema: { type: "object", properties: {} },
        annotations: { readOnlyHint: true },
      },
    ],
  }),
};

const schema = {
  type: "object",
  properties: { colour: { type: "string", enum: ["red", "blue"] } },
  required: ["colour"],
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params, result, error } = JSON.parse(line);
  if (id === "elicitation") {
    say({ id: waiting, result: { content: [{ type: "text", text: JSON.stringify(result ?? error) }] } });
  } else if (method === "tools/call") {
    waiting = id;
    say({ id: "elicitation", method: "elicitation/create", params: { message: "Which colour?", requestedSchema: schema } });
  } else if (answers[method]) {
    say({ id, result: answers[method](params) });
  }
});
