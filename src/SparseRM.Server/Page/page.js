"use strict";

const $ = id => document.getElementById(id);
const state = { models: [] };

/** Makes an element; text is always text, never markup. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  Object.assign(element, properties);
  element.append(...children);
  return element;
}

const signed = number => (number < 0 ? "−" : "+") + Math.abs(number).toFixed(3);

async function ask(path, body) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  if ($("key").value) headers["X-API-Key"] = $("key").value;
  const response = await fetch(path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Error(answer?.error?.message ?? `the server answered ${response.status}`);
  return answer;
}

function say(problem) {
  $("message").hidden = !problem;
  $("message").textContent = problem ?? "";
}

async function loadModels() {
  const answer = await ask("/v1/models");
  state.models = answer.data;
  $("model").replaceChildren(...answer.data.map(model => make("option", { value: model.id }, model.id)));
  $("model").disabled = answer.data.length < 2;
  showFacts();
  const recent = await loadRecent();
  if (recent.example && !$("prompt").value) {
    $("prompt").value = recent.example.prompt;
    $("first").value = recent.example.first;
    $("second").value = recent.example.second;
  }
  const first = Boolean(recent.example) && !$("results").firstChild && $("first").value === recent.example.first;
  if (first) await submit();
}

/** Fills the list of the last scores, with the score that each had. */
async function loadRecent() {
  const recent = await ask("/v1/recent");
  $("recent-label").hidden = !recent.keeps;
  const label = score => score.text ?? score.messages.at(-1).content ?? "";
  $("recent").replaceChildren(make("option", { value: "" }, "open one…"),
    ...recent.scores.map((score, i) => make("option", { value: i }, `${signed(score.score)}  ${label(score).slice(0, 50)}`)));
  $("recent").onchange = () => open(recent.scores[$("recent").value]);
  return recent;
}

/** Scores again just what was scored; the fields take it where they can hold it. */
function open(score) {
  if (!score) return;
  const [prompt, answer] = score.messages ?? [];
  const fits = score.messages?.length === 2 && prompt.role === "user" && typeof prompt.content === "string" && typeof answer.content === "string";
  $("prompt").value = fits ? prompt.content : "";
  $("first").value = fits ? answer.content : "";
  $("second").value = "";
  if (state.models.some(model => model.id === score.model)) $("model").value = score.model;
  showFacts();
  return run(score.text === undefined ? { messages: score.messages } : { text: score.text });
}

function showFacts() {
  const model = state.models.find(one => one.id === $("model").value);
  $("facts").textContent = model ? `${model.root}, layer ${model.layer}, position ${model.position}, ${model.variant}, file ${model.fingerprint.slice(0, 12)}` : "";
}

async function submit() {
  const answers = [$("first").value, $("second").value].filter((text, i) => i === 0 || text !== "");
  if (!$("prompt").value || !answers[0]) return say("give a prompt and an answer");
  await run({ prompt: $("prompt").value, responses: answers });
}

async function run(input) {
  if ($("score").disabled) return;
  say(null);
  $("score").disabled = true;
  try {
    const answer = await ask("/v1/rewards", {
      model: $("model").value || undefined, inputs: [input],
      doubt: true, novelty: true, components: true, explain: { directions: 8, tokens: 100000 },
    });
    show(answer.results[0].results ?? [answer.results[0]]);
    await loadRecent();
  } catch (problem) {
    $("results").replaceChildren();
    $("legend").hidden = true;
    $("verdict").textContent = "";
    say(problem.message);
  } finally {
    $("score").disabled = false;
  }
}

/** Whether a token is a mark or a role that the chat template wrote, or a blank: no word of anybody's. */
function isFrame(tokens, i) {
  const isMark = token => /^(<[^<>\s]+>|\[[A-Z_/]+\])$/.test(token?.text ?? "");
  return !tokens[i].text.trim() || isMark(tokens[i]) || (!tokens[i].answer && isMark(tokens[i - 1]) && !tokens[i + 1]?.text.trim());
}

function show(results) {
  const pushes = tokens => tokens.filter((_, i) => !isFrame(tokens, i)).map(token => Math.abs(token.push));
  const most = Math.max(1e-9, ...results.flatMap(result => pushes(joined(result.explanation?.tokens ?? []))));
  $("legend").hidden = !results.some(result => result.explanation);
  $("results").replaceChildren(...results.map((result, i) => card(result, "AB"[i], most)));
  const scores = results.map(result => result.score);
  $("verdict").textContent = scores.length < 2 || scores.includes(undefined) ? ""
    : scores[0] === scores[1] ? "Both answers have the same score."
      : `Answer ${scores[0] > scores[1] ? "A" : "B"} is preferred, by ${Math.abs(scores[0] - scores[1]).toFixed(3)}.`;
}

function card(result, name, most) {
  const article = make("article", { id: `result-${name}` }, make("h2", {}, `Answer ${name}`));
  if (result.error) {
    article.append(make("p", { className: "quiet" }, `no score: ${result.error.message}`));
    return article;
  }
  const facts = [`${result.tokens} tokens`];
  if (result.standard_deviation !== null && result.standard_deviation !== undefined) facts.push(`doubt ±${result.standard_deviation.toFixed(3)}`);
  else facts.push("doubt not known");
  facts.push(result.novelty === null || result.novelty === undefined ? "novelty not known" : `novelty ${(100 * result.novelty).toFixed(1)} %`);
  if (result.components?.length > 1) facts.push(...result.components.map(part => `${part.name} ${signed(part.score)}`));
  if (result.truncated) facts.push(`${result.truncated} tokens cut`);
  article.append(
    make("p", { className: "score" }, signed(result.score)),
    make("p", { className: "facts quiet" }, ...facts.map(fact => make("span", {}, fact))));
  if (result.explanation) article.append(text(joined(result.explanation.tokens), most),
    ...result.explanation.components.flatMap(part => [make("h3", {}, result.explanation.components.length > 1 ? `Directions of ${part.name}, by their share` : "Directions, by their share of the score"), bars(part)]));
  return article;
}

/** Tokens that are bytes of characters, joined to those characters. */
function joined(tokens) {
  const out = [];
  let bytes = [];
  const flush = () => {
    if (!bytes.length) return;
    const text = new TextDecoder().decode(new Uint8Array(bytes.map(token => parseInt(token.text.match(/[0-9A-F]{2}/)[0], 16))));
    out.push({ text, push: bytes.reduce((sum, token) => sum + token.push, 0), answer: bytes[0].answer });
    bytes = [];
  };
  for (const token of tokens) {
    if (/^(<0x[0-9A-F]{2}>|\\x[0-9A-F]{2})$/.test(token.text)) {
      if (bytes.length && bytes[0].answer !== token.answer) flush();
      bytes.push(token);
    } else {
      flush();
      out.push(token);
    }
  }
  flush();
  return out;
}

/** The tokens, coloured by what they moved, in four steps of strength. */
function text(tokens, most) {
  return make("div", { className: "text", tabIndex: 0, role: "group", ariaLabel: "words by what they moved" }, ...tokens.map((token, i) => {
    const step = Math.ceil(4 * Math.abs(token.push) / most);
    const colour = step === 0 || Math.abs(token.push) < most / 20 || isFrame(tokens, i) ? "" : `${token.push > 0 ? "up" : "down"}${step}`;
    return make("span", { className: `${colour} ${token.answer ? "" : "frame"}`.trim(), title: signed(token.push) }, token.text);
  }));
}

/** A token's text where it stands alone: blanks and single bytes as something to look at. */
function readable(text) {
  const byte = text.match(/^<0x([0-7][0-9A-F])>$/);
  return (byte ? String.fromCharCode(parseInt(byte[1], 16)) : text).trim() || (text.includes("\n") || text === "<0x0A>" ? "↵" : "␣");
}

/** A bar for each direction: its share of the score, and the words at which it is pushed most. */
function bars(explanation) {
  const most = Math.max(1e-9, ...explanation.directions.map(direction => Math.abs(direction.share)));
  return make("ol", { className: "bars" }, ...explanation.directions.map(direction => {
    const width = 50 * Math.abs(direction.share) / most;
    const name = direction.latent === null ? `direction ${direction.index}` : `latent ${direction.latent} (of ${direction.prefers})`;
    const contexts = direction.tokens.slice(0, 4).map(token => `“${readable(token.text)}” ${signed(token.push)}`).join("  ");
    return make("li", {},
      make("div", { className: "head" }, make("span", {}, name), make("span", {}, signed(direction.share))),
      bar(direction.share, width), make("div", { className: "contexts quiet" }, contexts));
  }));
}

function bar(share, width) {
  const shape = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const svg = shape("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", role: "img", "aria-label": `share ${signed(share)}` });
  svg.append(
    shape("rect", { class: "axis", x: 49.8, y: 0, width: .4, height: 6 }),
    shape("rect", { class: share > 0 ? "up" : "down", x: share > 0 ? 50 : 50 - width, y: .5, width, height: 5 }));
  return svg;
}

$("form").addEventListener("submit", event => { event.preventDefault(); submit(); });
document.addEventListener("keydown", event => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); submit(); } });
$("model").addEventListener("change", showFacts);
$("key").addEventListener("change", () => loadModels().then(() => say(null), problem => say(problem.message)));
loadModels().catch(problem => say(problem.message));
