/** Server-sent events, read block by block as they arrive. */

/** What stands between two blank lines. A block without data is no event, and counts here all the same. */
export interface Block {
  readonly id?: string;
  readonly data?: string;
  /** Whether there was a comment, which is how the gateway shows that it lives. */
  readonly isComment: boolean;
}

const LINE_END = /\r\n|\n|\r(?!$)/;

/** Yield the blocks of a stream, together what came together; leaving the loop ends the connection. */
export async function* readBlocks(body: ReadableStream<Uint8Array>): AsyncGenerator<Block[], void, undefined> {
  const stream = new EventStream();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const blocks = stream.take(decoder.decode(read.value, { stream: true }));
      if (blocks.length > 0) {
        yield blocks;
      }
    }
  } finally {
    // It may have failed already, which is told elsewhere.
    reader.cancel().catch(() => {});
  }
}

/** Splits the text of a stream into blocks, in whatever pieces it comes. */
export class EventStream {
  #rest = "";
  #id: string | undefined;
  #data: string[] = [];
  #isComment = false;

  /** Return the blocks that end in this piece of the stream. */
  take(piece: string): Block[] {
    const lines = (this.#rest + piece).split(LINE_END);
    // A lone CR at the very end may be the first half of a CRLF: it stays in the rest.
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#line(line));
  }

  #line(line: string): Block[] {
    if (line === "") {
      return this.#end();
    }
    const colon = line.indexOf(":");
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (colon === 0) {
      this.#isComment = true;
    } else if (name === "id") {
      this.#id = value;
    } else if (name === "data") {
      this.#data.push(value);
    }
    return [];
  }

  #end(): Block[] {
    const block: Block = {
      ...(this.#id !== undefined && { id: this.#id }),
      ...(this.#data.length > 0 && { data: this.#data.join("\n") }),
      isComment: this.#isComment,
    };
    this.#id = undefined;
    this.#data = [];
    this.#isComment = false;
    return block.id !== undefined || block.data !== undefined || block.isComment ? [block] : [];
  }
}
