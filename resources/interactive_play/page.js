"use strict";

const KEYS = ["s", "w", "e", "x", "h"];
const SEND_MS = 50;
const RETRY_MS = 500;

const $ = (id) => document.getElementById(id);
const map = $("map");
const pen = map.getContext("2d");
let waiting = [];
let pointer = null;
let phase = "";

function place(event) {
  const box = map.getBoundingClientRect();
  const at = (value, side, pixels) => Math.min(Math.max(Math.floor(value / side * pixels), 0), pixels - 1);
  return {
    x: at(event.clientX - box.left, box.width, map.width),
    y: at(event.clientY - box.top, box.height, map.height),
  };
}

function press(event) {
  const button = { 0: "left", 2: "right" }[event.button];
  if (button && phase === "playing") {
    pointer = null;
    waiting.push({ kind: "press", button, ...place(event) });
    send();
  }
  event.preventDefault();
  map.focus();
}

function key(event) {
  const name = event.key.toLowerCase();
  if (KEYS.includes(name) && phase === "playing" && !event.repeat && !event.ctrlKey && !event.metaKey) {
    waiting.push({ kind: "key", key: name });
    send();
  }
}

function start() {
  waiting = [{ kind: "start" }];
  send();
  map.focus();
}

async function send() {
  const inputs = waiting;
  waiting = [];
  if (pointer && phase === "playing") inputs.push({ kind: "move", ...pointer });
  pointer = null;
  if (!inputs.length) return;
  const body = JSON.stringify(inputs);
  await fetch("inputs", { method: "POST", headers: { "Content-Type": "application/json" }, body })
    .catch(() => {});
}

function show(status) {
  phase = status.phase;
  const seconds = Math.floor(status.seconds);
  $("title").textContent = `Game ${status.game} of ${status.games} against ${status.opponent}`;
  $("time").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  $("score").textContent = `score ${status.score}, brought home ${status.stock}`;
  $("over").hidden = phase === "playing";
  $("start").hidden = phase !== "waiting";
  $("start").textContent = `Start game ${status.game}`;
  const texts = {
    waiting: status.outcome,
    paused: "Paused",
    over: `${status.outcome} All games are recorded: you can close this page.`,
  };
  $("text").textContent = texts[phase] || "";
}

async function draw(blob) {
  if (!blob.size) return;
  const image = await createImageBitmap(blob);
  pen.drawImage(image, 0, 0);
  image.close();
}

async function look() {
  let number = -1;
  while (phase !== "over") {
    if (document.hidden) {
      await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
    }
    try {
      const answer = await fetch(`screen?after=${number}`);
      if (!answer.ok) throw new Error(answer.statusText);
      const status = JSON.parse(answer.headers.get("X-Play"));
      number = status.number;
      await draw(await answer.blob());
      show(status);
    } catch (error) {
      phase = "";
      $("over").hidden = false;
      $("start").hidden = true;
      $("text").textContent = "The game has ended, or its program does not answer.";
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

map.addEventListener("mousedown", press);
map.addEventListener("contextmenu", (event) => event.preventDefault());
map.addEventListener("mousemove", (event) => { pointer = place(event); });
document.addEventListener("keydown", key);
$("start").addEventListener("click", start);
setInterval(() => { if (pointer) send(); }, SEND_MS);
look();
