// What the agent is asked.

/** A refusal, in the server's own words. */
export class Refused extends Error {
  constructor(status, says, requestId) {
    super(says);
    this.status = status;
    this.requestId = requestId;
  }
}

async function ask(method, path, body) {
  const options = { method, headers: {}, cache: "no-store" };
  if (body !== undefined || method === "POST") {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body ?? {});
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refused(0, "The agent does not answer. Is it running?");
  }
  if (response.status === 204) return null;
  const text = await response.text();
  let data = null;
  try {
    data = JSON.parse(text);
  } catch {
    // What is not JSON is told by its status.
  }
  if (!response.ok) {
    const says = data?.detail ?? `The agent answered ${response.status}.`;
    throw new Refused(response.status, says, response.headers.get("x-request-id"));
  }
  return data;
}

export const get = (path) => ask("GET", path);
export const post = (path, body) => ask("POST", path, body);
export const patch = (path, body) => ask("PATCH", path, body);
export const remove = (path) => ask("DELETE", path);

/** The events of a turn, from the last one that was seen on. Comes back by itself after a break.
 *  True once it has ended or `signal` has said that nobody wants it any more; refused once whoever
 *  asked is nobody any more. */
export async function follow(turn, heard, signal) {
  let seen = 0;
  for (let tries = 1; tries <= 6; tries += 1) {
    const headers = seen > 0 ? { "last-event-id": String(seen) } : {};
    const path = `/api/turns/${encodeURIComponent(turn)}/events`;
    const response = await fetch(path, { headers, cache: "no-store", signal }).catch(() => null);
    if (signal.aborted) return true;
    if (response?.status === 401) throw new Refused(401, "You are not signed in any more.");
    if (response && !response.ok) return false;
    for await (const event of events(response?.body)) {
      tries = 0;
      seen = event.id;
      heard(event.data);
      if (event.data.type === "turn.end") return true;
    }
    if (signal.aborted) return true;
    // A stream that ends twice without anything new: the agent has failed.
    if (response && tries > 1) return false;
    await new Promise((resolve) => setTimeout(resolve, 300 * tries));
  }
  return false;
}

/** Events of a stream (text/event-stream), cut anywhere. A stream that breaks has ended. */
async function* events(body) {
  if (!body) return;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read().catch(() => ({ done: true }));
    if (done) return;
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const event = { id: 0, data: null };
      for (const line of part.split("\n")) {
        if (line.startsWith("id:")) event.id = Number(line.slice(3));
        else if (line.startsWith("data:")) event.data = JSON.parse(line.slice(5));
      }
      if (event.data) yield event;
    }
  }
}
