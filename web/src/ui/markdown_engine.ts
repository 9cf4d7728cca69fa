// Markdown from the agent is hostile input: no HTML passes, no image is fetched, and
// what markdown-it made goes through DOMPurify, which owns the page's only Trusted
// Types policy. Loaded after the first screen.

import DOMPurify from "dompurify";
import MarkdownIt from "markdown-it";

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: false });
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false });

/** An image would tell its server that, when and where this was read. */
markdown.renderer.rules["image"] = (tokens, at) => {
  const token = tokens[at]!;
  const label = markdown.utils.escapeHtml(token.content || "image");
  return `<span class="md-image">${label} — ${markdown.utils.escapeHtml(String(token.attrGet("src") ?? ""))}</span>`;
};

/** Alignment as a class: the content policy knows no inline style. */
for (const cell of ["th_open", "td_open"]) {
  markdown.renderer.rules[cell] = (tokens, at, options, _env, self) => {
    const token = tokens[at]!;
    const side = /text-align:\s*(right|center)/.exec(String(token.attrGet("style") ?? ""))?.[1];
    token.attrs = side ? [["class", `md-${side}`]] : null;
    return self.renderToken(tokens, at, options);
  };
}

const ALLOWED = {
  ALLOWED_TAGS: [
    "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "s", "a", "code", "pre",
    "blockquote", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "span",
  ],
  ALLOWED_ATTR: ["href", "title", "class", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  RETURN_DOM_FRAGMENT: true,
} as const;

/** A block that no person wrote: reading it as markdown may take its square in time. */
const BLOCK_MAX = 40_000;

export function toFragment(source: string): DocumentFragment {
  if (source.length > BLOCK_MAX) {
    const plain = document.createDocumentFragment();
    const text = document.createElement("pre");
    text.tabIndex = 0;
    text.textContent = source;
    plain.append(text);
    return plain;
  }
  const fragment = DOMPurify.sanitize(markdown.render(source), { ...ALLOWED,
    ALLOWED_TAGS: [...ALLOWED.ALLOWED_TAGS], ALLOWED_ATTR: [...ALLOWED.ALLOWED_ATTR] });
  for (const link of fragment.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
    link.title = link.href; // a link shows where it goes
  }
  for (const table of fragment.querySelectorAll("table")) {
    const box = document.createElement("div");
    box.className = "md-table";
    box.tabIndex = 0; // what scrolls sideways must be reachable by keyboard
    table.replaceWith(box);
    box.append(table);
  }
  for (const code of fragment.querySelectorAll("pre")) code.tabIndex = 0;
  return fragment;
}
