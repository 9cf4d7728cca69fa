// Drawn for this app: 24 x 24, one stroke, the colour of the text around them.

const PATHS = {
  back: "M15 5l-7 7 7 7",
  plus: "M12 5v14M5 12h14",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M8 8h8v8H8z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  folder: "M3.5 7.5a2 2 0 0 1 2-2h4l2 2h7a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2z",
  terminal: "M5 7l4.5 5L5 17M12 17h7",
  file: "M7 3.5h7l4 4v13H7zM13.5 3.5v4.5H18",
  clock: "M12 7v5l3 2M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z",
  alert: "M12 8v5M12 16.2v.3M12 3.5L2.8 19.5h18.4z",
  down: "M6 10l6 6 6-6",
  up: "M6 14l6-6 6 6",
  expand: "M9 4H4v5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  right: "M9 6l6 6-6 6",
  columns: "M4 5h16v14H4zM12 5v14",
  rows: "M4 5h16v14H4zM4 12h16",
  mic: "M12 4a2.500 2.500 0 0 0-2.500 2.500v5a2.500 2.500 0 0 0 5 0v-5A2.500 2.500 0 0 0 12 4zM6.500 11.500a5.500 5.500 0 0 0 11 0M12 17v3",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.500 9.200h.01",
  devices: "M4 5.5h11v9H4zM2.5 18h12M17 9.5h4v9h-4z",
  scan: "M4 8V5.5A1.5 1.5 0 0 1 5.5 4H8M16 4h2.5A1.5 1.5 0 0 1 20 5.5V8M20 16v2.5a1.5 1.5 0 0 1-1.5 1.5H16M8 20H5.5A1.5 1.5 0 0 1 4 18.5V16M7 12h10",
  thought: "M9 18h6M10 21h4M12 3a6 6 0 0 0-3.5 10.9c.6.5 1 1.2 1 2.1h5c0-.9.4-1.6 1-2.1A6 6 0 0 0 12 3z",
  plan: "M4.5 6.5l1.5 1.5 2.5-3M4.5 13.5L6 15l2.5-3M12 7h8M12 14h8M12 20h8M5 20h1",
  tool: "M14.5 6.5a4 4 0 0 0 5 5L11 20a2.5 2.5 0 0 1-3.5-3.5z",
  globe: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM3.5 12h17M12 3.5c5 5 5 12 0 17M12 3.5c-5 5-5 12 0 17",
  question: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM9.6 9.6a2.4 2.4 0 1 1 3.5 2.1c-.7.4-1.1.8-1.1 1.7M12 16.2v.3",
  shield: "M12 3.5l7 2.5v5.5c0 4.5-3 7.5-7 9-4-1.500-7-4.500-7-9V6z",
  inbox: "M4 13.5L6.500 5h11L20 13.500V19H4zM4 13.500h4.500l1.500 2.500h4l1.500-2.500H20",
  settings: "M5 7h9M18 7h1M5 17h1M10 17h9M16 5v4M8 15v4",
  branch: "M7 4v16M7 15c0-4 10-2 10-7M17 8V4.500M5 4h4M15 4h4M5 20h4",
  archive: "M4 5h16v4H4zM5.500 9v10h13V9M10 13h4",
  pencil: "M5 19l1-4L16.500 4.500l3 3L9 18z",
  people: "M9 11a3.200 3.200 0 1 0 0-6.400A3.200 3.200 0 0 0 9 11zM3.500 19c.4-3 2.700-5 5.500-5s5.100 2 5.500 5M16 5a3 3 0 0 1 0 6M17 14.200c2 .6 3.200 2.400 3.500 4.800",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  search: "M11 4.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13zM16 16l4.500 4.500",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true"
      fill="none" stroke="currentColor" stroke-width={name === "more" ? 3 : 1.75}
      stroke-linecap="round" stroke-linejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 512 512" aria-hidden="true">
      <rect width="512" height="512" rx="120" class="mark-ground" />
      <path
        d="M132 344c62-8 104-44 124-96s58-84 124-88" fill="none" class="mark-line"
        stroke-width="40" stroke-linecap="round"
      />
      <circle cx="132" cy="344" r="46" class="mark-here" />
      <circle cx="380" cy="160" r="46" class="mark-there" />
    </svg>
  );
}
