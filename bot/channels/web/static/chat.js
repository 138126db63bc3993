"use strict";
// The page reads its messages from the server by what it has seen; events are only a nudge to fetch.
// Everything is put on the page as text, never as markup.
(() => {
  const log = document.getElementById("log");
  const main = document.querySelector("main");
  const box = document.getElementById("text");
  const state = document.getElementById("state");
  const token = document.querySelector("meta[name=zhifa-token]").content;
  let seen = "0.0";
  let fetching = null;
  let again = false;
  const waiting = new Map(); // event id -> bubble shown before the server has it

  function element(tag, name, text) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text) made.textContent = text;
    return made;
  }

  function say(text) {
    state.textContent = text;
    state.hidden = !text;
  }

  function fill(bubble, line) {
    bubble.replaceChildren();
    bubble.dataset.row = line.row;
    if (line.me) {
      bubble.append(element("span", "hidden", "我："), document.createTextNode(line.text));
      return;
    }
    bubble.append(element("span", "hidden", "执法助手："));
    for (const block of line.blocks) {
      const text = (block.kind === "warning" ? "⚠️ " : "") + block.text;
      if (block.text) bubble.append(element("p", block.kind, text));
      if (block.items.length) {
        const list = element(block.kind === "steps" ? "ol" : "ul");
        for (const item of block.items) list.append(element("li", "", item));
        bubble.append(list);
      }
    }
    for (const row of line.rows) {
      const group = element("div", "buttons");
      for (const { label, data } of row) {
        const button = element("button", "", label);
        button.type = "button";
        button.addEventListener("click", () => press(button, data, bubble.dataset.first));
        group.append(button);
      }
      bubble.append(group);
    }
  }

  function show(line) {
    const known = document.getElementById(line.edits || line.id);
    if (known) {
      fill(known, line);
      return known;
    }
    const bubble = element("article", "message " + (line.me ? "me" : "bot"));
    bubble.id = line.id;
    bubble.dataset.first = line.row;
    fill(bubble, line);
    log.append(bubble);
    return bubble;
  }

  async function load() {
    if (fetching) { again = true; return fetching; }
    fetching = (async () => {
      do {
        again = false;
        const response = await fetch("/messages?after=" + seen, { cache: "no-store" });
        if (!response.ok) throw new Error((await response.json()).error || "");
        const { lines, seen: now } = await response.json();
        if (lines.length) {
          for (const bubble of waiting.values()) bubble.remove();
          waiting.clear();
          let last = null;
          for (const line of lines) last = show(line);
          document.getElementById("welcome").hidden = true;
          const height = last.offsetHeight > main.clientHeight ? "start" : "end";
          last.scrollIntoView({ block: height });
        }
        seen = now;
      } while (again);
      say("");
    })();
    try {
      await fetching;
    } catch (error) {
      say(error.message || "连接断开，正在重连…");
    } finally {
      fetching = null;
    }
  }

  function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  }

  async function post(body) {
    // The same id is sent again on a retry, so that the server keeps the message once.
    for (let attempt = 0; ; attempt++) {
      try {
        const response = await fetch("/send", {
          method: "POST",
          headers: { "content-type": "application/json", "x-zhifa-token": token },
          body: JSON.stringify(body),
        });
        if (response.ok) { await load(); return true; }
        say((await response.json()).error || "没有发送成功，请重试。");
        return false;
      } catch (error) {
        if (attempt >= 4) { say("没有发送成功，请检查连接后重试。"); return false; }
        say("连接断开，正在重连…");
        await new Promise((resolve) => setTimeout(resolve, 500 * (attempt + 1)));
      }
    }
  }

  async function send(text) {
    if (!text.trim()) return;
    const id = newId();
    const bubble = element("article", "message me waiting", text);
    waiting.set(id, bubble);
    log.append(bubble);
    bubble.scrollIntoView({ block: "end" });
    if (!await post({ kind: "text", text, id })) {
      waiting.delete(id);
      bubble.remove();
      if (!box.value) { box.value = text; grow(); }
    }
  }

  async function press(button, data, message) {
    button.disabled = true; // one press, one effect
    await post({ kind: "press", text: data, message, id: newId() });
    button.disabled = false;
  }

  function grow() {
    box.style.height = "auto";
    box.style.height = box.scrollHeight + "px";
  }

  document.getElementById("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = box.value;
    box.value = "";
    grow();
    send(text);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      document.getElementById("form").requestSubmit();
    }
  });
  box.addEventListener("input", grow);
  for (const button of document.querySelectorAll("[data-ask], [data-command]")) {
    button.addEventListener("click", () => send(button.dataset.ask || button.dataset.command));
  }

  const stream = new EventSource("/events");
  stream.addEventListener("nudge", load);
  stream.addEventListener("error", () => say("连接断开，正在重连…"));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });
  load();
})();
