import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type WatchEvent, watchEvents } from './watch-events.ts'

type Named = { metadata: { name: string } }

const added = (name: string): WatchEvent<Named> => ({ type: 'ADDED', object: { metadata: { name } } })

async function read(chunks: readonly Uint8Array[]): Promise<WatchEvent<Named>[]> {
  async function* bytes() {
    yield* chunks
  }
  const seen: WatchEvent<Named>[] = []
  for await (const event of watchEvents<Named>(bytes())) seen.push(event)
  return seen
}

const linesOf = (events: readonly unknown[]) => Buffer.from(events.map(event => `${JSON.stringify(event)}\n`).join(''))

describe('watchEvents', () => {
  it('reads the same events wherever the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary' }), { maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 10 }),
        async (names, cuts) => {
          const events = names.map(added)
          const bytes = linesOf(events)
          const borders = [0, ...cuts.map(cut => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
          const chunks = borders.slice(1).map((end, index) => bytes.subarray(borders[index], end))
          assert.deepEqual(await read(chunks), events)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('reads characters that are cut at each of their bytes', async () => {
    const events = [added('é'), added('✓'), added('😀')]
    const bytes = linesOf(events)
    for (let cut = 0; cut <= bytes.length; cut++) {
      assert.deepEqual(await read([bytes.subarray(0, cut), bytes.subarray(cut)]), events, `cut at ${cut}`)
    }
    assert.deepEqual(await read([...bytes].map(byte => Uint8Array.of(byte))), events, 'byte by byte')
  })

  it('takes a last line without its end for no event', async () => {
    const bytes = linesOf([added('a'), added('b')])
    assert.deepEqual(await read([bytes.subarray(0, bytes.length - 1)]), [added('a')])
  })

  for (const { name, line, message } of [
    { name: 'is not JSON', line: '<html>502</html>', message: /is not JSON/ },
    { name: 'has no type', line: '{"object":{}}', message: /no type and object/ },
    { name: 'has a type nobody knows', line: '{"type":"RENAMED","object":{}}', message: /no type and object/ },
    { name: 'has no object', line: '{"type":"ADDED","object":null}', message: /no type and object/ },
    { name: 'is null', line: 'null', message: /no type and object/ },
  ]) {
    it(`throws at a line that ${name}`, async () => {
      await assert.rejects(read([Buffer.from(`${line}\n`)]), { reason: 'BadWatch', message })
    })
  }

  it('throws at a line that does not end, before it fills the memory', async () => {
    let sentMiB = 0
    async function* endless() {
      for (; ; sentMiB++) yield Buffer.alloc(1024 * 1024, 'x')
    }
    await assert.rejects(watchEvents(endless()).next(), /more than 16777216 bytes/)
    assert.ok(sentMiB <= 17, `${sentMiB} MiB`)
  })
})
