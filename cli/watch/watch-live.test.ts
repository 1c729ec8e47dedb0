import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { systemClock } from '../../core/lib/clock.ts'
import { createApi } from '../api.ts'
import { buildEvent, frame, type Handler, openEventServer, startStream } from './event-server.fake.ts'
import type { OpenJob } from './job.ts'
import { openScreen } from './screen.ts'
import { watchLive } from './watch.ts'

/** A terminal whose keys and size the test decides and whose output it reads. */
function openTerminal(columns: number, rows: number) {
  const written: string[] = []
  const raw: boolean[] = []
  const out = Object.assign(new PassThrough(), { isTTY: true, columns, rows })
  out.on('data', data => written.push(String(data)))
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => raw.push(on) })
  return {
    terminal: { out: out as unknown as NodeJS.WriteStream, in: input as unknown as NodeJS.ReadStream },
    press: (keys: string) => input.write(keys),
    resize(to: number) {
      out.columns = to
      out.emit('resize')
    },
    raw,
    text: () => written.join(''),
    async until(what: RegExp, from = 0) {
      for (let tries = 0; tries < 1000; tries++) {
        if (what.test(stripVTControlCharacters(written.join('').slice(from)))) return
        await delay(20)
      }
      assert.fail(`${what} was not drawn: ${written.join('').slice(from)}`)
    },
  }
}

describe('watchLive', function () {
  this.timeout(30_000)
  let server: Awaited<ReturnType<typeof openEventServer>>
  const layer = {
    digest: 'sha256:0123456789ab',
    state: 'waiting' as const,
    totalBytes: 5,
    downloadedBytes: 0,
    totalKnown: true,
  }
  const stream: Handler = (request, response) => {
    startStream(response)
    const layers = request.url!.includes('layers=true') ? { layers: [layer] } : {}
    response.write(frame({ data: buildEvent({}, layers) }) + frame({ id: 'e-1', event: 'synced' }))
  }
  beforeEach(async () => {
    server = await openEventServer(stream)
  })
  afterEach(() => server.close())

  function start(terminal: ReturnType<typeof openTerminal>, signal = new AbortController().signal, openJob?: OpenJob) {
    const api = createApi(server.url, async () => undefined)
    const parts = { api, clock: systemClock, random: Math.random, filter: {}, wait: false }
    return watchLive(
      parts,
      { layers: false, color: false, openScreen: (...on) => openScreen(terminal.terminal, ...on, openJob) },
      signal,
    )
  }

  it('draws bars, asks for layers at l, and leaves the last frame and a whole terminal at q', async () => {
    const terminal = openTerminal(100, 24)
    const running = start(terminal)
    await terminal.until(/62% +62.0\/100 MiB +12.5 MiB\/s/)
    terminal.press('l')
    await terminal.until(/layers: 1 waiting/)
    assert.deepEqual(
      server.requests.map(({ url }) => url),
      ['/api/v1/events', '/api/v1/events?layers=true'],
    )
    assert.equal(server.requests[1]!.headers['last-event-id'], undefined)
    terminal.press('q')
    await running
    assert.deepEqual(terminal.raw, [true, false])
    const text = terminal.text()
    assert.ok(text.includes('\u001B[?25l') && text.includes('\u001B[?25h'), 'the cursor is hidden and shown again')
    const after = text.slice(text.lastIndexOf('\u001B[?1049l'))
    assert.match(after, /1 pulling.*● live\n.*62%.*node-a\n/)
    assert.doesNotMatch(after, /q quit/)
  })

  it('draws in a terminal that says it has no columns and no rows', async () => {
    const terminal = openTerminal(0, 0)
    const running = start(terminal)
    await terminal.until(/1 pulling[\s\S]*62% +62.0\/100 MiB/)
    terminal.press('q')
    await running
  })

  for (const how of ['Ctrl-Z', 'a signal'] as const) {
    it(`gives the terminal back at ${how} before it stops, and draws in full when it goes on`, async () => {
      const terminal = openTerminal(100, 24)
      const stopped: string[] = []
      const isStopped = Promise.withResolvers<void>()
      let asked = () => {}
      let goOn = () => {}
      const running = start(terminal, undefined, (onStop, onContinue) => {
        asked = onStop
        goOn = onContinue
        return {
          stop() {
            stopped.push(terminal.text())
            isStopped.resolve()
          },
          close: () => stopped.push('closed'),
        }
      })
      await terminal.until(/node-a/)
      if (how === 'Ctrl-Z') terminal.press('\u001A')
      else asked()
      await isStopped.promise
      assert.ok(stopped[0]!.endsWith('\u001B[?25h\u001B[?1049l'), 'all is written by then')
      assert.deepEqual(terminal.raw, [true, false])
      const from = terminal.text().length
      goOn()
      await terminal.until(/1 pulling[\s\S]*62%[\s\S]*node-a/, from)
      assert.ok(terminal.text().startsWith('\u001B[?1049h\u001B[?25l', from))
      assert.equal(terminal.raw.at(-1), true)
      terminal.press('q')
      await running
      assert.equal(terminal.raw.at(-1), false)
      assert.deepEqual(stopped.slice(1), ['closed'])
    })
  }

  it('draws anew for another width', async () => {
    const terminal = openTerminal(100, 24)
    const running = start(terminal)
    await terminal.until(/node-a/)
    const from = terminal.text().length
    terminal.resize(40)
    await terminal.until(/…\/team\/app:v1 +████▉░░░ +62% +\ds/, from)
    terminal.press('\u0003')
    await running
  })

  it('gives the terminal back before it fails', async () => {
    await server.close()
    const terminal = openTerminal(80, 24)
    await assert.rejects(start(terminal), { code: 'unavailable' })
    assert.deepEqual(terminal.raw, [true, false])
    assert.ok(terminal.text().includes('\u001B[?1049l'))
    server = await openEventServer(stream)
  })

  it('ends at once when it is told to while it waits to reconnect', async () => {
    const terminal = openTerminal(80, 24)
    const stop = new AbortController()
    const running = start(terminal, stop.signal)
    await terminal.until(/62%/)
    await server.close()
    await terminal.until(/reconnecting/)
    stop.abort()
    await running
    server = await openEventServer(stream)
  })
})
