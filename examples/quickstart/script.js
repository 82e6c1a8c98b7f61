// The living part of the page: tokens with their expiry, and the refresh button.
"use strict";

const place = (id) => document.getElementById(id);
const TOKENS = [
  ["access_token", "Access token"],
  ["id_token", "ID token"],
  ["refresh_token", "Refresh token"],
];
let expiry = null;

if (place("tokens")) {
  place("refresh").hidden = false;
  place("refresh").addEventListener("click", refresh);
  showTokens();
  setInterval(countDown, 1000);
}

/** Fetches what the token store holds, and shows it; answers with it, or with `null`. */
async function showTokens() {
  const entry = await me();
  const items = TOKENS.filter(([key]) => entry?.[key]).map(([key, title]) => item(title, entry[key]));
  place("tokens").replaceChildren(...items);
  const end = entry?.expires_on ? moment(entry.expires_on) : NaN;
  expiry = Number.isNaN(end) ? null : { end, span: Math.max(end - Date.now(), 1) };
  countDown();
  return entry;
}

async function me() {
  try {
    const answer = await fetch("/.auth/me", { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.status);
    const entries = await answer.json();
    return entries[0] ?? null;
  } catch {
    say("Your tokens cannot be read just now.", false);
    return null;
  }
}

/** The server writes seven digits of a second; dates here take three. */
function moment(text) {
  return Date.parse(text.replace(/(\.\d{3})\d*Z?$/, "$1Z"));
}

function item(title, token) {
  const found = place("token").content.cloneNode(true);
  const [value, show, copy] = [".value", ".show", ".copy"].map((name) => found.querySelector(name));
  const short = token.length > 16 ? `${token.slice(0, 12)}…` : token;
  found.querySelector("h3").textContent = title;
  value.textContent = short;
  show.setAttribute("aria-label", `Show the whole ${title}`);
  copy.setAttribute("aria-label", `Copy the ${title}`);
  show.hidden = short === token;
  show.addEventListener("click", () => {
    const open = show.getAttribute("aria-expanded") !== "true";
    show.setAttribute("aria-expanded", open);
    show.textContent = open ? "Hide" : "Show";
    value.textContent = open ? token : short;
  });
  copy.addEventListener("click", () => copyText(token, copy, title));
  return found;
}

async function copyText(text, button, title) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  } catch {
    say(`The browser did not allow it: show the ${title} and copy it by hand.`, false);
  }
}

function countDown() {
  const line = place("expiry");
  line.hidden = expiry === null;
  if (expiry === null) return;
  const left = Math.max(0, Math.ceil((expiry.end - Date.now()) / 1000));
  line.classList.toggle("over", left === 0);
  place("countdown").textContent = left > 0 ? `Access token expires in ${span(left)}` : "Access token has expired";
  place("bar").style.transform = `scaleX(${Math.min(1, (left * 1000) / expiry.span)})`;
}

function span(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

async function refresh() {
  const button = place("refresh");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  say("Asking the provider…", null);
  const [text, good] = await outcomeOfRefresh();
  if (!good || (await showTokens())) say(text, good);
  button.removeAttribute("aria-disabled");
}

async function outcomeOfRefresh() {
  try {
    const answer = await fetch("/.auth/refresh");
    if (answer.ok) return ["Your tokens are fresh.", true];
    return [REFUSALS[answer.status] ?? `Refresh did not work (status ${answer.status}).`, false];
  } catch {
    return ["The application does not answer. Is it still running?", false];
  }
}

const REFUSALS = {
  400: "This provider gave no refresh token.",
  401: "Your session has ended: sign in again.",
  403: "The provider no longer accepts the refresh token: sign in again.",
  404: "Refresh is not available.",
  502: "The provider is at fault. Your tokens are as they were.",
  503: "The provider is away. Your tokens are as they were.",
};

function say(text, good) {
  const status = place("status");
  status.textContent = text;
  status.className = good === null ? "status" : `status ${good ? "good" : "bad"}`;
}
