import { readFile } from 'node:fs/promises'

/** What the README of the TypeScript sensor begins with. */
export async function firstCode(): Promise<string> {
  const text = await readFile('sdk/typescript/README.md', 'utf8')
  return /```ts\n(.*?)```/s.exec(text)![1]!
}
