"use strict";
// The page reads its messages from the server by what it has seen; events are only a nudge to fetch.
// What is typed stays in a queue until the server has it, through lost connections and reloads; it is sent
// under one id, so that the server keeps it once. Everything is put on the page as text, never as markup.
(() => {
  const [main, welcome, log, busy, state, box] = ["main", "welcome", "log", "busy", "state", "text"].map((id) =>
    document.getElementById(id),
  );
  const said = document.querySelectorAll("[data-say]");
  const names = new Map(Array.from(said, (button) => [button.dataset.say, button.textContent])); // «/place» as people read it
  const token = document.querySelector("meta[name=zhifa-token]").content;
  const LOST = "连接断开，正在重连…";
  const LONGEST = 8000; // the server keeps 4,000 characters and says so
  const UNSENT = "zhifa-unsent";

  function element(tag, name, text) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text) made.textContent = text;
    return made;
  }

  function say(text) {
    if (state.textContent !== text) state.textContent = text;
  }

  // ---- what is shown

  const waiting = new Map(); // event id -> bubble of a message that the server does not show yet
  let pressed = []; // buttons that rest until the answer is there: one press, one effect
  let seen = "0.0";

  function link(label, url) {
    const made = element("a", "", label);
    made.href = url;
    made.target = "_blank";
    made.rel = "noopener";
    return made;
  }

  function pressing(label, data, bubble) {
    const button = element("button", "", label);
    button.type = "button";
    button.addEventListener("click", () => press(button, { kind: "press", text: data, message: bubble.dataset.row }));
    return button;
  }

  function fill(bubble, line) {
    const focused = bubble.contains(document.activeElement);
    bubble.replaceChildren(element("span", "hidden", line.me ? "我：" : "执法助手："));
    if (line.me) {
      bubble.append(element("p", "", names.get(line.text) || line.text));
      if (line.cut) bubble.append(element("p", "note", "内容较长，只保留了前 4000 字。"));
      return;
    }
    for (const block of line.blocks) {
      if (block.text) bubble.append(element("p", block.kind, (block.kind === "warning" ? "⚠️ " : "") + block.text));
      if (block.items.length) {
        const list = element(block.kind === "steps" ? "ol" : "ul");
        if (block.start > 1) list.setAttribute("start", block.start);
        for (const item of block.items) list.append(element("li", "", item));
        bubble.append(list);
      }
    }
    for (const row of line.rows) {
      const group = element("div", "buttons");
      for (const { label, data, url } of row) {
        if (url) group.append(link(label, url));
        else if (!data.startsWith("chat:")) group.append(pressing(label, data, bubble)); // no private chat to open here
      }
      if (group.hasChildNodes()) bubble.append(group);
    }
    // The button that was pressed is gone: stay in this message, at its first button («收起» after «详情»).
    if (focused) (bubble.querySelector("button") || bubble).focus({ preventScroll: true });
  }

  function newBubble(me) {
    const bubble = element("article", "message " + (me ? "me" : "bot"));
    bubble.tabIndex = -1;
    return bubble;
  }

  function show(line) {
    let bubble = document.getElementById(line.edits || line.id);
    if (!bubble) {
      bubble = waiting.get(line.event) || newBubble(line.me);
      bubble.classList.remove("waiting");
      bubble.id = line.id;
      bubble.dataset.row = line.row;
      waiting.delete(line.event);
      const next = waiting.values().next().value || null;
      if (!bubble.isConnected || next) log.insertBefore(bubble, next);
    }
    fill(bubble, line);
    return bubble;
  }

  function showWaiting(item) {
    const bubble = newBubble(true);
    bubble.classList.add("waiting");
    fill(bubble, { me: true, text: item.text });
    waiting.set(item.id, bubble);
    log.append(bubble);
    begin();
    bubble.scrollIntoView({ block: "end" });
  }

  function begin() {
    if (welcome.hidden) return;
    const focused = welcome.contains(document.activeElement);
    welcome.hidden = true;
    if (focused) main.focus({ preventScroll: true });
  }

  // What is new is in view from its first line; somebody who reads further up is left alone.
  function reveal(first, last, follow) {
    if (!follow) return;
    const tall = last.offsetTop + last.offsetHeight - first.offsetTop > main.clientHeight;
    if (tall) first.scrollIntoView({ block: "start" });
    else last.scrollIntoView({ block: last === first ? "nearest" : "end" });
  }

  let owed = 0; // when an answer began to be waited for
  let clock = null;

  function expect() {
    owed = owed || Date.now();
    clock = clock || setInterval(() => {
      const seconds = (Date.now() - owed) / 1000;
      if (seconds > 90) {
        answered(); // whatever rested may be tried again
        say("还没有等到回答；消息已经保存，请稍后再看。");
      } else if (state.textContent) note("");
      else if (seconds >= 5) note(`仍在处理，已等 ${Math.floor(seconds / 5) * 5} 秒…`);
      else if (seconds >= 1) note("正在查找…");
    }, 500);
  }

  function note(text) {
    if (busy.textContent === text) return;
    busy.textContent = text;
    if (text) busy.scrollIntoView({ block: "nearest" });
  }

  function answered() {
    owed = 0;
    clearInterval(clock);
    clock = null;
    note("");
    for (const button of pressed) button.removeAttribute("aria-disabled");
    pressed = [];
  }

  // ---- reading

  // A bad network may swallow a request without a word; after 15 seconds it counts as lost.
  async function request(path, options) {
    const control = new AbortController();
    const timer = setTimeout(() => control.abort(), 15000);
    try {
      return await fetch(path, { ...options, signal: control.signal });
    } finally {
      clearTimeout(timer);
    }
  }

  let fetching = false;
  let again = false;

  async function load() {
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    try {
      do {
        again = false;
        const response = await request("/messages?after=" + seen, { cache: "no-store" });
        if (!response.ok) {
          lost(response.status < 500 && (await told(response)));
          retry();
          return;
        }
        const found = await response.json();
        const start = log.getAttribute("aria-busy") === "true";
        const follow = start || owed > 0 || main.scrollHeight - main.scrollTop - main.clientHeight < 80;
        const bubbles = found.lines.map((line) => [line, show(line)]);
        seen = found.seen;
        document.getElementById("place").textContent = found.place;
        if (bubbles.length) {
          begin();
          const answers = bubbles.filter(([line]) => !line.me).map(([, bubble]) => bubble);
          if (answers.length) {
            answered();
            if (queue.length > 1) expect();
          }
          const last = bubbles[bubbles.length - 1][1];
          reveal(start ? last : answers[0] || last, last, follow);
        }
        if (start) log.removeAttribute("aria-busy"); // from now on, what is added is read out
      } while (again);
      back();
    } catch {
      lost();
      retry();
    } finally {
      fetching = false;
    }
  }

  let trying = null;

  function retry() {
    clearTimeout(trying);
    trying = setTimeout(load, 3000);
  }

  async function told(response) {
    try {
      return (await response.json()).error || "";
    } catch {
      return "";
    }
  }

  let losing = null;

  // A connection that is back within a moment is not worth a word.
  function lost(text) {
    if (text) say(text);
    else losing = losing || setTimeout(() => say(LOST), 1500);
  }

  function back() {
    clearTimeout(losing);
    losing = null;
    if (state.textContent === LOST) say("");
  }

  // ---- sending

  let queue = [];
  let sending = false;
  let hurry = () => {};

  function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  }

  function remember() {
    try {
      sessionStorage.setItem(UNSENT, JSON.stringify(queue.filter((item) => item.kind === "text")));
    } catch {
      // no storage: the queue lives as long as the page
    }
  }

  function remembered() {
    try {
      return JSON.parse(sessionStorage.getItem(UNSENT)) || [];
    } catch {
      return [];
    }
  }

  // Whether the server has it: true, what it said against it, or null for «try again».
  async function post(item) {
    try {
      const headers = { "content-type": "application/json", "x-zhifa-token": token };
      const response = await request("/send", { method: "POST", headers, body: JSON.stringify(item) });
      if (response.ok) return true;
      if (response.status >= 500) return null;
      return (await told(response)) || "没有发送成功，请刷新页面再试。";
    } catch {
      return null;
    }
  }

  async function pump() {
    if (sending) return;
    sending = true;
    for (let pause = 500; queue.length; ) {
      const [item] = queue;
      const outcome = await post(item);
      if (outcome === null) {
        lost();
        await new Promise((resolve) => {
          hurry = resolve;
          setTimeout(resolve, pause);
        });
        pause = Math.min(pause * 2, 5000);
        continue;
      }
      pause = 500;
      queue.shift();
      remember();
      if (outcome === true) back();
      else refused(item, outcome);
      if (queue.length) expect();
    }
    sending = false;
    load();
  }

  function refused(item, why) {
    say(why);
    answered();
    const bubble = waiting.get(item.id);
    if (bubble) bubble.remove();
    waiting.delete(item.id);
    if (item.kind === "text" && !item.text.startsWith("/")) {
      box.value = box.value ? item.text + "\n" + box.value : item.text; // nothing typed is lost
      grow();
    }
  }

  function add(item) {
    say("");
    queue.push({ ...item, id: newId() });
    remember();
    expect();
    if (item.kind === "text") showWaiting(queue[queue.length - 1]);
    pump();
  }

  function press(button, item) {
    if (pressed.includes(button)) return;
    button.setAttribute("aria-disabled", "true");
    pressed.push(button);
    add(item);
  }

  // ---- what the person does

  function grow() {
    box.style.height = "auto";
    box.style.height = box.scrollHeight + 2 + "px";
  }

  function submit(event) {
    event.preventDefault();
    const text = box.value.slice(0, LONGEST);
    if (!text.trim()) return;
    box.value = "";
    grow();
    add({ kind: "text", text });
    // On a phone the keyboard would cover the answer.
    if (matchMedia("(pointer: coarse)").matches) box.blur();
    else box.focus();
  }

  document.getElementById("form").addEventListener("submit", submit);
  box.addEventListener("keydown", (event) => {
    // 229: the Enter that ends a composition in Safari
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) submit(event);
  });
  box.addEventListener("input", grow);
  for (const button of said) {
    button.addEventListener("click", () => press(button, { kind: "text", text: button.dataset.say }));
  }

  // ---- keeping up

  let stream = null;

  function listen() {
    if (stream) stream.close();
    stream = new EventSource("/events");
    stream.addEventListener("nudge", () => {
      hurry();
      load();
    });
    stream.addEventListener("error", () => {
      lost();
      // Refused for good (a proxy's error page, a session that ended): the browser does not try again itself.
      if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
    });
  }

  // A page nobody looks at holds no connection: browsers allow six to a server.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      stream.close();
    } else {
      listen();
    }
  });
  window.addEventListener("online", () => hurry());

  // ---- an invitation

  // It comes in the fragment, which the server never sees; it is the person who sends it.
  function invited() {
    const found = /^#start=([\w-]+)$/.exec(location.hash);
    if (!found) return;
    history.replaceState(null, "", location.pathname + location.search);
    box.value = "/start " + found[1];
    grow();
    box.focus();
  }

  window.addEventListener("hashchange", invited);
  invited();

  queue = remembered();
  for (const item of queue) showWaiting(item);
  if (queue.length) expect();
  listen();
  load();
  pump();
})();
