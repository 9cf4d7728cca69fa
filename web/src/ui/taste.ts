// Appearance and text size, kept in this browser and applied before the first drawing.

export type Appearance = "system" | "light" | "dark";

const LOOK = "farhand:appearance";
const SIZE = "farhand:text-size";

export function appearance(): Appearance {
  const kept = localStorage.getItem(LOOK);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export function setAppearance(choice: Appearance): void {
  if (choice === "system") localStorage.removeItem(LOOK);
  else localStorage.setItem(LOOK, choice);
  apply();
}

export function textSize(): number {
  const kept = Number(localStorage.getItem(SIZE));
  return kept >= 100 && kept <= 200 ? kept : 100;
}

export function setTextSize(percent: number): void {
  if (percent === 100) localStorage.removeItem(SIZE);
  else localStorage.setItem(SIZE, String(percent));
  apply();
}

export function apply(): void {
  const root = document.documentElement;
  const look = appearance();
  if (look === "system") delete root.dataset["look"];
  else root.dataset["look"] = look;
  root.dataset["size"] = String(textSize());
}
