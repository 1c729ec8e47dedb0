import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import { main } from './main.ts'
import { buildEvent, frame, type Handler, openEventServer, startStream } from './watch/event-server.fake.ts'

describe('pulltrace', () => {
  let folder: string
  let server: Awaited<ReturnType<typeof openEventServer>> | undefined
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-cli-test-'))
  })
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true })
    await server?.close()
    server = undefined
  })

  interface Running {
    readonly stdin?: Readable
    /** What they say of themselves as a terminal would. */
    readonly terminal?: { readonly out?: object; readonly err?: object }
    /** As Ctrl-C. */
    readonly interrupt?: AbortController
    readonly limitMs?: number
    readonly seenError?: (err: string) => unknown
  }

  /** Runs one command; it is stopped as by Ctrl-C when its output holds `until`. */
  async function run(
    argv: string[],
    env: Record<string, string> = {},
    until?: string,
    {
      stdin = process.stdin,
      terminal,
      interrupt: stop = new AbortController(),
      limitMs = 8000,
      seenError,
    }: Running = {},
  ) {
    const stdout = Object.assign(new PassThrough(), terminal?.out)
    const stderr = Object.assign(new PassThrough(), terminal?.err)
    const text = { out: '', err: '' }
    stdout.on('data', data => {
      text.out += data
      if (until !== undefined && text.out.includes(until)) stop.abort()
    })
    stderr.on('data', data => {
      text.err += data
      seenError?.(text.err)
    })
    const world = {
      env,
      stdin: stdin as NodeJS.ReadStream,
      stdout: stdout as unknown as NodeJS.WriteStream,
      stderr: stderr as unknown as NodeJS.WriteStream,
      stop: AbortSignal.any([stop.signal, AbortSignal.timeout(limitMs)]),
      kill: new AbortController().signal,
    }
    const code = await main(argv, world)
    await new Promise(setImmediate)
    return { code, ...text }
  }
  const serve = async (handler: Handler) => {
    server = await openEventServer(handler)
    return server.url.origin
  }
  const stream: Handler = (_, response) => {
    startStream(response)
    response.write(frame({ data: buildEvent({}, { imageRef: 'a\u009B2J:1' }) }) + frame({ id: 'e-1', event: 'synced' }))
  }

  it('writes a line for each change where there is no terminal', async () => {
    const { code, out } = await run(['watch', '-s', await serve(stream)], {}, '\n')
    assert.equal(code, 0)
    assert.equal(out, '2026-11-21T10:00:05Z node-a a�2J:1 downloading 62% 62.0/100 MiB 12.5 MiB/s ETA 3s\n')
  })

  it('tells of every pull again after a server that began anew', async () => {
    const { out } = await run(
      [
        'watch',
        '-s',
        await serve((_, response) => {
          startStream(response)
          response.write(frame({ data: buildEvent({}) }) + frame({ id: 'e-1', event: 'synced' }))
          response.write(frame({ event: 'reset' }) + frame({ data: buildEvent({}, { percent: 63 }) }))
        }),
      ],
      {},
      '63%',
    )
    assert.match(out, /62%.*\n.*63%/)
  })

  it('writes one event a line as JSON, with nothing a terminal would obey', async () => {
    const { out } = await run(['watch', '-o', 'json'], { PULLTRACE_SERVER_URL: await serve(stream) }, '\n')
    assert.match(out, /a\\u009b2J/)
    assert.deepEqual(JSON.parse(out), buildEvent({}, { imageRef: 'a\u009B2J:1' }))
  })

  it('tells readers of JSON to forget what they hold before the whole state comes again', async () => {
    const url = await serve((_, response) => {
      startStream(response)
      response.write(frame({ event: 'reset' }) + frame({ data: buildEvent() }) + frame({ id: 'e-1', event: 'synced' }))
      response.write(frame({ event: 'reset' }) + frame({ data: buildEvent({}, { percent: 63 }) }))
    })
    const { out } = await run(['watch', '-s', url, '-o', 'json'], {}, '63')
    const lines = out.trimEnd().split('\n')
    assert.deepEqual(
      lines.map(line => JSON.parse(line).type),
      ['pull.progress', 'reset', 'pull.progress'],
    )
  })

  for (const format of [[], ['-o', 'json']]) {
    it(`says once that the connection is lost and once that it is there again (watch ${format.join(' ')})`, async () => {
      const url = await serve((_, response, connection) => {
        if (connection === 2 || connection === 3) return void response.writeHead(503).end()
        startStream(response)
        const event = buildEvent({}, { phase: connection === 1 ? 'downloading' : 'unpacking' })
        response.write(`retry: 100\n\n${frame({ data: event })}`)
        if (connection === 1) response.end()
      })
      const { out, err } = await run(['watch', '-s', url, ...format], {}, 'unpacking')
      assert.match(err, /^pulltrace: connection lost: .*; trying again\npulltrace: connected again\n$/)
      // Nothing had an id, so what came after the break is a whole state.
      if (format.length > 0) assert.match(out, /downloading.*\n\{"type":"reset"\}\n.*unpacking/)
    })
  }

  it('sends every filter to the server', async () => {
    const url = await serve(stream)
    const filters = [
      '--node',
      'n',
      '--image',
      'i',
      '--phase',
      'downloading,failed',
      '-n',
      'ns',
      '--pod',
      'p',
      '--layers',
    ]
    await run(['watch', '-s', url, '-o', 'json', ...filters], {}, '\n')
    const { searchParams } = new URL(server!.requests[0]!.url!, url)
    assert.deepEqual(Object.fromEntries(searchParams), {
      node: 'n',
      image: 'i',
      phase: 'downloading,failed',
      namespace: 'ns',
      pod: 'p',
      layers: 'true',
    })
  })

  it('sends the token of a file', async () => {
    const file = path.join(folder, 'token')
    writeFileSync(file, 'secret-token\n')
    await run(['watch', '-s', await serve(stream), '-o', 'json', '--token-file', file], {}, '\n')
    assert.equal(server!.requests[0]!.headers.authorization, 'Bearer secret-token')
  })

  it('shows the history as a table and asks for what was asked', async () => {
    const url = await serve((_, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(
        JSON.stringify({ items: [buildEvent({}, { phase: 'failed', errorCode: 'NoSpace' }).pull], nextCursor: 'more' }),
      )
    })
    const { code, out, err } = await run([
      'history',
      '-s',
      url,
      '--limit',
      '1',
      '--error-code',
      'NoSpace',
      '--since',
      '2026-11-01',
    ])
    assert.equal(code, 0)
    assert.match(out, /^ENDED +RESULT .*\n.*failed .*the disk is full\n$/)
    assert.match(err, /there are more; --limit 10 shows them/)
    assert.equal(
      server!.requests[0]!.url,
      '/api/v1/history?limit=1&errorCode=NoSpace&since=2026-11-01T00%3A00%3A00.000Z',
    )
  })

  it('shows the history whole where the terminal says that it has no columns', async () => {
    const url = await serve((_, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ items: [buildEvent({}, { phase: 'completed' }).pull], nextCursor: null }))
    })
    const { out } = await run(['history', '-s', url], {}, undefined, { terminal: { out: { isTTY: true, columns: 0 } } })
    assert.match(out, /^ENDED +RESULT .*IMAGE.*\n.*completed .*team\/app:v1/)
    assert.match(
      (await run(['--help'], {}, undefined, { terminal: { out: { columns: 0 } } })).out,
      /\n {2}watch \[options\] +show pulls while they happen\n/,
    )
  })

  const answerOf = (groupBy: string | null) => {
    const key = groupBy === 'node' ? 'demo-data-laptop' : 'registry.example.com'
    return { key, count: 1, failed: 0, p50Seconds: 1, p95Seconds: 1, bytes: 1, cachedBytes: 0 }
  }
  for (const [group, asked] of [
    [
      'registry',
      [
        'limit=50&groupBy=registry&since=2026-11-01T00%3A00%3A00.000Z',
        'limit=500&groupBy=node&since=2026-11-01T00%3A00%3A00.000Z',
      ],
    ],
    ['node', ['limit=50&groupBy=node&since=2026-11-01T00%3A00%3A00.000Z']],
  ] as const) {
    it(`says above sums by ${group} that pulls that were made up are in them`, async () => {
      const url = await serve((request, response) => {
        const { searchParams } = new URL(request.url!, 'http://x')
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ items: [answerOf(searchParams.get('groupBy'))], nextCursor: null }))
      })
      const argv = ['history', '-s', url, '--group-by', group, '--since', '2026-11-01']
      const { out } = await run(argv)
      assert.match(out, new RegExp(`^DEMO DATA: .*\\n${group.toUpperCase()} +PULLS .*\\n.* 1 `))
      assert.deepEqual(
        server!.requests.map(request => new URL(request.url!, url).search.slice(1)),
        asked,
      )
      assert.doesNotMatch((await run([...argv, '-o', 'json'])).out, /DEMO DATA/)
    })
  }

  // A port that was free a moment ago: nothing listens on it.
  let gone: string
  before(async () => {
    const closed = await openEventServer(() => {})
    gone = closed.url.origin
    await closed.close()
  })
  const bad: Handler = (_, response) => void response.writeHead(401).end()
  const file = (text: string) => {
    const name = path.join(folder, 'config.yaml')
    writeFileSync(name, text)
    return name
  }
  for (const { name, argv, env, handler, code, err } of [
    {
      name: 'an unknown command',
      argv: () => ['wach'],
      code: 2,
      err: /unknown command 'wach'[\s\S]*Did you mean watch/,
    },
    { name: 'a bad phase', argv: () => ['watch', '--phase', 'x'], code: 2, err: /'x' is none of queued, resolving/ },
    { name: 'a bad time', argv: () => ['history', '--since', 'soon'], code: 2, err: /--since must be how long ago/ },
    {
      name: 'a bad address',
      argv: () => ['watch', '-s', 'localhost:8080'],
      code: 2,
      err: /PULLTRACE_SERVER_URL must be an http or https URL/,
    },
    {
      name: 'a server that is not there',
      argv: () => ['watch', '-s', gone],
      code: 3,
      err: /no pulltrace server at http:\/\/127.0.0.1:\d+: nothing listens there\n {2}start one with/,
    },
    {
      name: 'a server that wants a token',
      argv: () => ['watch'],
      handler: bad,
      code: 4,
      err: /it wants a token\n {2}give a reader token: --token-file/,
    },
    {
      name: 'a server that wants a token, asked for history',
      argv: () => ['history'],
      handler: bad,
      code: 4,
      err: /it wants a token/,
    },
    {
      name: 'a token file that is not there',
      argv: () => ['watch', '--token-file', '/nope'],
      code: 2,
      err: /cannot read the token from '\/nope': there is no such file/,
    },
    {
      name: 'a token of two lines, without showing it,',
      argv: () => ['watch', '--token-file', file('s3cr3t\ns3cr3t')],
      code: 2,
      err: /^pulltrace: the token in '[^']*' must be one line of visible ASCII characters\n {2}(?![\s\S]*s3cr3t)/,
    },
    {
      name: 'a token file that is empty',
      argv: () => ['history', '--token-file', file('\n')],
      code: 2,
      err: /^pulltrace: the token in '[^']*' must be one line .*\n/,
    },
    {
      name: 'certificates that are none',
      argv: () => ['watch', '--ca-file', file('x')],
      code: 2,
      err: /holds no certificate/,
    },
    {
      name: 'a config that is not there',
      argv: () => ['up', '-f', '/nope'],
      code: 2,
      err: /cannot read the PulltraceConfig from '\/nope'/,
    },
    {
      name: 'a config with faults, each with its line',
      argv: () => ['up', '-f', file('kind: Pod\nspec:\n  reportInterval: 9h\n')],
      code: 2,
      err: /has 4 faults:\n[\s\S]*yaml:1: `kind` must be 'PulltraceConfig'[\s\S]*yaml:3: `spec.reportInterval`/,
    },
  ] as {
    name: string
    argv: () => string[]
    env?: Record<string, string>
    handler?: Handler
    code: number
    err: RegExp
  }[]) {
    it(`answers ${name} with code ${code} and what to do`, async () => {
      const url = handler === undefined ? {} : { PULLTRACE_SERVER_URL: await serve(handler) }
      const result = await run(argv(), { ...env, ...url })
      assert.equal(result.code, code, result.err)
      assert.match(result.err, err)
    })
  }

  it('reads the config from stdin', async () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: false })
    stdin.end('kind: Pod\nspec:\n  reportInterval: 9h\n')
    const { code, err } = await run(['up', '-f', '-'], {}, undefined, { stdin })
    assert.equal(code, 2)
    assert.match(err, /stdin has 4 faults:\n[\s\S]*stdin:3: `spec.reportInterval`/)
  })

  it('ends at Ctrl-C while nobody writes a config to stdin', async () => {
    const interrupt = new AbortController()
    const ended = run(['up', '-f', '-'], {}, undefined, { stdin: new PassThrough(), interrupt })
    interrupt.abort()
    assert.deepEqual(await ended, { code: 0, out: '', err: '' })
  })

  it('paints the log of its programs where that goes to a terminal, whatever stdout is', async () => {
    const interrupt = new AbortController()
    const free = ['PULLTRACE_HTTP', 'PULLTRACE_METRICS', 'PULLTRACE_AGENT_METRICS'].map(name => [
      `${name}_ADDR`,
      '127.0.0.1:0',
    ])
    const config = file('apiVersion: pulltrace.dev/v1alpha1\nkind: PulltraceConfig\nmetadata: { name: a }\n')
    const { out, err } = await run(
      ['up', '-f', config],
      { ...Object.fromEntries(free), PULLTRACE_DATA_DIR: path.join(folder, 'data') },
      undefined,
      {
        terminal: { err: { isTTY: true } },
        interrupt,
        limitMs: 60_000,
        seenError: text => text.includes('\n') && interrupt.abort(),
      },
    )
    assert.ok(err.includes('\u001B[2m'), err)
    assert.ok(!out.includes('\u001B'), out)
  }).timeout(90_000)

  it('tells its version and its help without an error', async () => {
    for (const way of ['version', '--version']) {
      const { code, out } = await run([way])
      assert.equal(code, 0)
      assert.match(out, /^pulltrace \d+\.\d+\.\d+ \(Node v24/)
    }
    const help = await run(['watch', '--help'])
    assert.equal(help.code, 0)
    assert.match(help.out, /Usage: pulltrace watch/)
    // Cookies know no ports: pages of two copies on one address would share their sign-ins.
    const { out } = await run(['up', '--help'])
    const addresses = [...out.matchAll(/(\w+)_ADDR=(\S+)/g)].map(([, name, address]) => `${name} ${address}`)
    assert.deepEqual(addresses.sort(), [
      'PULLTRACE_AGENT_METRICS 127.0.0.1:0',
      'PULLTRACE_HTTP 127.0.0.2:0',
      'PULLTRACE_METRICS 127.0.0.1:0',
      'TK_GRPC 127.0.0.1:0',
      'TK_HTTP 127.0.0.2:0',
      'TK_SENSOR_METRICS 127.0.0.1:0',
      'TK_UI_METRICS 127.0.0.1:0',
    ])
  })
})
