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
    throw new Refused(response.status, data?.detail ?? `The agent answered ${response.status}.`);
  }
  return data;
}

export const get = (path) => ask("GET", path);
export const post = (path, body) => ask("POST", path, body);
export const remove = (path) => ask("DELETE", path);

/** The events of a turn, from the last one that was seen on. Comes back by itself after a break. */
export async function follow(turn, heard, isWanted) {
  let seen = 0;
  let tries = 0;
  while (isWanted()) {
    try {
      const headers = seen > 0 ? { "last-event-id": String(seen) } : {};
      const response = await fetch(`/api/turns/${encodeURIComponent(turn)}/events`, { headers, cache: "no-store" });
      if (!response.ok) throw new Refused(response.status, "This turn is not there any more.");
      tries = 0;
      for await (const event of events(response.body)) {
        seen = event.id;
        heard(event.data);
        if (event.data.type === "turn.end") return true;
      }
      // The stream ended without an end: the agent has failed, or is gone.
      if (seen > 0 && tries > 0) return false;
      tries += 1;
    } catch (error) {
      if (error instanceof Refused) return false;
      tries += 1;
      if (tries > 5) return false;
      await new Promise((resolve) => setTimeout(resolve, 300 * tries));
    }
  }
  return true;
}

/** Events of a stream (text/event-stream), cut anywhere. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
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
