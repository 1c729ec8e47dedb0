import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../core/lib/clock.ts'
import type { Env } from '../../core/lib/settings.ts'
import type { ProgramFiles } from './programs.ts'
import { runUp, type UpParts } from './up.ts'

const fake = new URL('./program.fake.ts', import.meta.url).pathname
const files: ProgramFiles = {
  server: fake,
  agent: fake,
  demo: fake,
  sensorApi: fake,
  webUi: fake,
  leash: new URL('./leash.ts', import.meta.url).href,
}

describe('runUp', function () {
  this.timeout(120_000)
  let folder: string
  let said: string[]
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-up-test-'))
    writeFileSync(path.join(folder, 'log'), '')
    said = []
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const done = () =>
    readFileSync(path.join(folder, 'log'), 'utf8')
      .split('\n')
      .map(line => line.split(' ').slice(0, 2).join(' '))
      .filter(Boolean)
  const pids = () =>
    [...readFileSync(path.join(folder, 'log'), 'utf8').matchAll(/started (\d+)/g)].map(match => Number(match[1]))

  function parts(extra: Env = {}, demo = false, logLevel = 'info'): UpParts {
    const env = { ...process.env, FAKE_LOG: path.join(folder, 'log'), ...extra }
    return {
      config: { apiVersion: 'pulltrace.dev/v1alpha1', kind: 'PulltraceConfig', metadata: { name: 'a' } },
      plan: {
        server: env,
        agent: env,
        demo: demo ? { ...env, FAKE_ROLE_DEMO: 'true' } : undefined,
        rules: undefined,
        nodeName: 'demo-data-x',
        logLevel,
        ignored: ['spec.server.tls'],
        unknown: [{ name: 'PULLTRACE_DATADIR', near: 'PULLTRACE_DATA_DIR' }],
      },
      containerd: { socket: '/run/x.sock', trouble: demo ? 'there is no such socket' : undefined },
      files,
      sampleRules: path.join(folder, 'rules'),
      clock: systemClock,
      color: false,
      command: './bin/pulltrace',
      say: line => said.push(line),
      log: line => said.push(line),
    }
  }
  const never = new AbortController().signal
  async function untilSaid(what: string): Promise<void> {
    for (let tries = 0; tries < 2400; tries++) {
      if (said.some(line => line.includes(what))) return
      await delay(25)
    }
    assert.fail(`'${what}' was not said: ${said.join('\n')}`)
  }

  it('begins the server, then the agent, prints addresses that work, and stops the agent first', async () => {
    const stop = new AbortController()
    const running = runUp(parts(), stop.signal, never)
    await untilSaid('Ctrl-C stops everything.')
    const page = said.find(line => line.startsWith('  pulls'))!.split(/\s+/)[2]!
    assert.equal((await fetch(page)).status, 200)
    assert.ok(said.includes('Ignored, as only a cluster can honour them: spec.server.tls.'))
    assert.ok(
      said.includes('Warning: nothing reads PULLTRACE_DATADIR, it is no setting: did you mean PULLTRACE_DATA_DIR?'),
    )
    stop.abort()
    await running
    assert.deepEqual(done(), ['server started', 'agent started', 'agent stopped', 'server stopped'])
    assert.equal(said.at(-1), 'Stopped.')
  })

  it('begins tk-sensor-api with a key of its own, then the server as its sensor, then the pages of rules, with links both ways', async () => {
    const data = path.join(folder, 'data')
    const [keyFile, passwordFile, databaseFile] = ['key', 'password', 'tk.db'].map(name => path.join(data, name)) as [
      string,
      string,
      string,
    ]
    const common = { ...process.env, FAKE_LOG: path.join(folder, 'log'), TK_DATABASE_URL: databaseFile }
    const rules = {
      sensorApi: { ...common, TK_GRPC_ADDR: 'x' },
      webUi: { ...common, TK_UI_METRICS_ADDR: 'x', TK_HTTP_ADDR: '127.0.0.1:0' },
      ...{ keyFile, passwordFile, databaseFile },
    }
    mkdirSync(path.join(folder, 'rules'))
    const secrets = new Set<string>()
    for (let round = 0; round < 2; round++) {
      writeFileSync(path.join(folder, 'log'), '')
      const stop = new AbortController()
      const base = parts({ PULLTRACE_HTTP_ADDR: '127.0.0.1:0' })
      const running = runUp({ ...base, plan: { ...base.plan, rules } }, stop.signal, never)
      await untilSaid('Ctrl-C stops everything.')
      stop.abort()
      await running
      const [pulls, pages] = ['pulls', 'rules'].map(
        name => said.find(line => line.startsWith(`  ${name} `))!.match(/http:\S+(?=\/)/)![0],
      ) as [string, string]
      assert.ok(said.includes(`           sign in as admin; first password, until you change it: cat ${passwordFile}`))
      assert.ok(said.some(line => /^ {2}list {5}\.\/bin\/tk-sensor-api rules list --database .*tk\.db$/.test(line)))
      assert.equal(said.filter(line => line.startsWith('Added the sample rules')).length, 1 - round)
      secrets.add(readFileSync(keyFile, 'utf8') + readFileSync(passwordFile, 'utf8'))
      for (const secret of [...secrets].join('').split('\n').filter(Boolean))
        assert.ok(!said.join('\n').includes(secret), 'a secret is on the screen')
      said.length = 0
      const all = done().map(line => line.replace(/calls-http:..127.0.0.1:\d+/, 'calls'))
      // Agent and pages begin side by side.
      const begun = all.slice(0, -4).filter(line => line !== 'agent started')
      assert.equal(begun.length, all.length - 5)
      assert.deepEqual(
        [...begun, ...all.slice(-4)],
        [
          ...(round === 0 ? [`sensor-api rules-import-${path.join(folder, 'rules')}`] : []),
          'sensor-api started',
          'server started',
          `server calls-${keyFile}`,
          `server links-${pages}`,
          ...['web-ui started', `web-ui links-${pulls}-${passwordFile}`],
          ...['agent stopped', 'web-ui stopped', 'server stopped', 'sensor-api stopped'],
        ],
      )
    }
    assert.match([...secrets].join(), /^tk-v1-[0-9a-f]{32}-[0-9a-f]{64}\n([A-Za-z0-9]{5}-){3}[A-Za-z0-9]{5}\n$/)
    for (const file of [keyFile, passwordFile]) assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  it('goes on without the sample rules when they cannot be added, and says why', async () => {
    mkdirSync(path.join(folder, 'rules'))
    const common = { ...process.env, FAKE_LOG: path.join(folder, 'log'), FAKE_DIE: 'import' }
    const rules = {
      sensorApi: { ...common, TK_GRPC_ADDR: 'x' },
      webUi: { ...common, TK_UI_METRICS_ADDR: 'x', TK_HTTP_ADDR: '127.0.0.1:0' },
      keyFile: path.join(folder, 'key'),
      passwordFile: path.join(folder, 'password'),
      databaseFile: path.join(folder, 'tk.db'),
    }
    const stop = new AbortController()
    const base = parts({ PULLTRACE_HTTP_ADDR: ':0' })
    const running = runUp({ ...base, plan: { ...base.plan, rules } }, stop.signal, never)
    await untilSaid('Ctrl-C stops everything.')
    stop.abort()
    await running
    assert.ok(said.includes('The sample rules were not added: it broke'), said.join('\n'))
    // Nobody here knows by which name people reach a server that listens on every address.
    assert.ok(done().includes(`web-ui links-undefined-${rules.passwordFile}`), done().join('\n'))
  })

  it('begins nothing when it is stopped while its programs load', async () => {
    const stop = new AbortController()
    const running = runUp(parts(), stop.signal, never)
    stop.abort()
    await running
    assert.equal(said.at(-1), 'Stopped.')
    assert.deepEqual(done(), [])
  })

  it('stops everything when a program does not even load', async () => {
    const base = parts()
    const agent = path.join(folder, 'agent.ts')
    writeFileSync(agent, "throw new Error('not today')")
    await assert.rejects(runUp({ ...base, files: { ...files, agent } }, never, never), {
      message: /^the agent ended with code 1, so everything was stopped/,
    })
    assert.ok(said.some(line => line.includes('not today')))
    assert.deepEqual(done(), [])
  })

  it('says that it shows demo data on every line that matters', async () => {
    const stop = new AbortController()
    const running = runUp(parts({}, true), stop.signal, never)
    await untilSaid('Ctrl-C stops everything.')
    assert.match(said[0]!, /^DEMO DATA: \/run\/x\.sock cannot be used \(there is no such socket\)/)
    assert.ok(said.some(line => line.startsWith('Pulltrace is running with DEMO DATA as node demo-data-x')))
    assert.ok(said.filter(line => /^(agent|demo)/.test(line)).every(line => line.includes('(DEMO DATA)')))
    stop.abort()
    await running
    assert.equal(done().filter(line => line.endsWith('stopped')).length, 3)
  })

  it('shows no line of its programs below the level asked for, and what is no log line always', async () => {
    const stop = new AbortController()
    const lines = ['warn', 'error'].map(level => JSON.stringify({ level, msg: `a line of ${level}` }))
    const running = runUp(parts({ FAKE_SAY: [...lines, 'at stack'].join('\n') }, false, 'error'), stop.signal, never)
    await untilSaid('Ctrl-C stops everything.')
    await untilSaid('at stack')
    stop.abort()
    await running
    const shown = said.filter(line => line.includes(' | '))
    assert.deepEqual(shown, ['server | error a line of error', 'server | at stack'])
  })

  it('starts nothing when a setting is wrong, and says what of both programs once', async () => {
    await assert.rejects(runUp(parts({ FAKE_FAULT: 'PULLTRACE_X must be a number' }), never, never), {
      code: 'invalid',
      message: 'PULLTRACE_X must be a number',
    })
    assert.deepEqual(done(), [])
    assert.ok(!said.some(line => line.includes('is running')), said.join('\n'))
  })

  for (const role of ['server', 'agent']) {
    it(`stops everything and tells the last lines when the ${role} dies`, async () => {
      await assert.rejects(runUp(parts({ FAKE_DIE: role }), never, never), (error: Error) => {
        assert.match(error.message, new RegExp(`the ${role} ended with code 7, so everything was stopped`))
        assert.match(error.message, /Error: it broke/)
        return true
      })
      await allGone()
    })
  }

  it('refuses to be a second copy on one data folder', async () => {
    const line = JSON.stringify({
      level: 'error',
      msg: 'history unavailable',
      kind: 'in_use',
      error: { message: 'x.db is in use' },
    })
    await assert.rejects(runUp(parts({ FAKE_SAY: line }), never, never), {
      code: 'unavailable',
      message: 'everything was stopped: x.db is in use',
    })
    await allGone()
  })

  it('says once why a program ends and what to do about it', async () => {
    const message = "'127.0.0.1:8080' is in use by another program"
    const error = { message, details: { fix: 'set PULLTRACE_HTTP_ADDR to another address' } }
    const line = JSON.stringify({ level: 'error', msg: 'not started', error })
    await assert.rejects(runUp(parts({ FAKE_SAY: line, FAKE_DIE: 'server' }), never, never), {
      message: `the server ended with code 7, so everything was stopped: ${message}`,
      details: { fix: error.details.fix },
    })
    assert.doesNotMatch(said.join('\n'), /in use/)
  })

  it('shows why a program ends that is told to stop', async () => {
    const line = JSON.stringify({ level: 'error', msg: 'stopped by an error', error: { message: 'the lock is lost' } })
    const stop = new AbortController()
    const running = runUp(parts({ FAKE_SAY: line }), stop.signal, never)
    await untilSaid('Ctrl-C stops everything.')
    stop.abort()
    await running
    assert.equal(said.filter(text => text === 'server | error stopped by an error error="the lock is lost"').length, 1)
  })

  it('kills at the second Ctrl-C what does not hear the first', async () => {
    const stop = new AbortController()
    const kill = new AbortController()
    const running = runUp(parts({ FAKE_DEAF: 'agent' }), stop.signal, kill.signal)
    await untilSaid('Ctrl-C stops everything.')
    stop.abort()
    await untilSaid('Stopping agent, then server')
    kill.abort()
    await running
    await allGone()
  })

  it('leaves no orphan when it is killed itself', async () => {
    const script = path.join(folder, 'parent.ts')
    const up = new URL('./up.ts', import.meta.url).href
    const { config, plan, containerd, sampleRules } = parts()
    writeFileSync(
      script,
      `import { runUp } from ${JSON.stringify(up)}
       const clock = { now: Date.now, monotonic: () => performance.now(), sleep: (ms: number) => new Promise<void>(done => setTimeout(done, ms)) }
       const signal = new AbortController().signal
       const say = (line: string) => void process.stdout.write(line + '\\n')
       await runUp({ ...${JSON.stringify({ config, plan, containerd, files, sampleRules, color: false, command: 'x' })}, clock, say, log: say }, signal, signal)`,
    )
    const parent: ChildProcess = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
    parent.stdout!.on('data', data => said.push(String(data)))
    await untilSaid('Ctrl-C stops everything.')
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    await allGone()
    assert.deepEqual(
      done()
        .filter(line => line.endsWith('stopped'))
        .sort(),
      ['agent stopped', 'server stopped'],
    )
  })

  async function allGone(): Promise<void> {
    assert.ok(pids().length > 0)
    for (let tries = 0; tries < 2400; tries++) {
      if (!pids().some(alive)) return
      await delay(25)
    }
    assert.fail(`still there: ${pids().filter(alive)}`)
  }
  function alive(pid: number): boolean {
    try {
      process.kill(pid, 0)
      return true
    } catch {
      return false
    }
  }
})
