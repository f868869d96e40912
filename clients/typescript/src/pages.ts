/** Lists that come in pages. */

/** Fetches the page with a token, empty for the first one; returns it and the token of the next one, empty for none. */
export type FetchPage<T> = (pageToken: string) => Promise<readonly [readonly T[], string]>;

/** Yield what is on all pages; each is fetched when it is needed. */
export async function* pages<T>(fetchPage: FetchPage<T>): AsyncGenerator<T, void, undefined> {
  let token = "";
  do {
    const [page, next] = await fetchPage(token);
    yield* page;
    token = next;
  } while (token !== "");
}
