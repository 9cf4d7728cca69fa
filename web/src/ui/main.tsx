import { mayDial } from "./boot"; // first: it takes a pairing link out of the address bar
import { render } from "preact";
import { createController, type SocketMaker } from "../client";
import { IdbStore } from "../client/idb";
import { App } from "./app";
import { deviceName } from "./device_name";
import { apply } from "./taste";
import "./style/tokens.css";
import "./style/base.css";
import "./style/frame.css";
import "./style/pair.css";
import "./style/items.css";
import "./style/dock.css";
import "./style/diff.css";
import "./style/way.css";

apply();
const store = new IdbStore();
const controller = createController({
  WebSocket: WebSocket as unknown as SocketMaker,
  store,
  durable: store,
  shelf: store,
  deviceName: deviceName(navigator.userAgent),
  mayDial,
});

const root = document.getElementById("app")!;
root.replaceChildren(); // what was there before the script came
render(<App controller={controller} />, root);
