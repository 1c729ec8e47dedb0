import assert from 'node:assert/strict'
import type { StreamSink } from './stream-sink.ts'

/** A sink and the peer at its other end. Each promise rejects when it takes too long. */
export interface SinkRig {
  readonly sink: StreamSink
  readonly drains: () => number
  readonly closes: () => number
  /** Lets the peer read from now on; resolves when it has this many bytes. */
  readonly read: (bytes: number) => Promise<Buffer>
  /** Resolves when the server's side has been told that it drained. */
  readonly drained: () => Promise<void>
  readonly closed: () => Promise<void>
  /** What the peer had read when the connection ended. */
  readonly ended: () => Promise<Buffer>
}

/** What a `StreamSink` promises; the fake and the real socket both keep it. */
export function describeStreamSink(name: string, open: () => Promise<SinkRig>): void {
  describe(`${name} as a StreamSink`, () => {
    const piece = Buffer.alloc(64 * 1024, 'x')

    async function fill(sink: StreamSink): Promise<number> {
      let bytes = 0
      // Kernels take a few MiB; what they do not take is full at some time.
      while (bytes < 256 * 1024 * 1024) {
        bytes += piece.length
        if (!sink.write(piece)) return bytes
        await new Promise(resolve => setImmediate(resolve))
      }
      throw new Error('never full')
    }

    it('hands over bytes whole and in order', async () => {
      const rig = await open()
      for (const text of ['one ', 'two ', 'three']) rig.sink.write(Buffer.from(text))
      assert.equal((await rig.read(13)).toString(), 'one two three')
      rig.sink.destroy()
      await rig.closed()
    })

    it('is full when its peer does not read, and says once that it has drained', async () => {
      const rig = await open()
      const bytes = await fill(rig.sink)
      assert.equal(rig.drains(), 0)
      await Promise.all([rig.read(bytes), rig.drained()])
      assert.equal(rig.drains(), 1)
      rig.sink.destroy()
      await rig.closed()
    })

    it('takes bytes in any case', async () => {
      const rig = await open()
      const bytes = await fill(rig.sink)
      rig.sink.write(Buffer.from('last'))
      assert.equal((await rig.read(bytes + 4)).subarray(-4).toString(), 'last')
      rig.sink.destroy()
      await rig.closed()
    })

    it('ends after the last byte', async () => {
      const rig = await open()
      const bytes = await fill(rig.sink)
      rig.sink.end()
      await rig.read(bytes)
      assert.equal((await rig.ended()).length, bytes)
      await rig.closed()
      assert.equal(rig.closes(), 1)
    })

    it('says once that it has closed when it is given up', async () => {
      const rig = await open()
      await fill(rig.sink)
      rig.sink.destroy()
      await rig.closed()
      assert.equal(rig.closes(), 1)
    })
  })
}
