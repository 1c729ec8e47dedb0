import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { PullEvent } from '../../core/contract/pull-event.ts'

const root = new URL('../..', import.meta.url).pathname
const free = '127.0.0.1:0'

/** The real command in the checkout, with whatever it writes. */
function start(argv: readonly string[], env: NodeJS.ProcessEnv) {
  const child: ChildProcess = spawn(path.join(root, 'bin/pulltrace'), argv, {
    cwd: root,
    env: { ...process.env, ...env },
  })
  const text = { out: '', all: '' }
  child.stdout!.on('data', data => {
    text.out += data
    text.all += data
  })
  child.stderr!.on('data', data => {
    text.all += data
  })
  return {
    child,
    text,
    async until(what: RegExp): Promise<RegExpExecArray> {
      for (let tries = 0; tries < 1800; tries++) {
        const match = what.exec(text.all)
        if (match) return match
        assert.equal(child.exitCode, null, text.all)
        await delay(50)
      }
      assert.fail(`${what} did not come: ${text.all}`)
    },
    async stop(): Promise<number | null> {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGINT')
        // And all that it wrote was read.
        await once(child, 'close')
      }
      return child.exitCode
    },
  }
}

describe('pulltrace up', function () {
  this.timeout(180_000)
  let folder: string
  const running: ReturnType<typeof start>[] = []
  const env = (data: string) => ({
    PULLTRACE_HTTP_ADDR: free,
    PULLTRACE_METRICS_ADDR: free,
    PULLTRACE_AGENT_METRICS_ADDR: free,
    PULLTRACE_DATA_DIR: path.join(folder, data),
    TK_GRPC_ADDR: free,
    TK_SENSOR_METRICS_ADDR: free,
    TK_HTTP_ADDR: free,
    TK_UI_METRICS_ADDR: free,
    PULLTRACE_READER_TOKEN: '',
    NO_COLOR: '1',
  })
  const up = (data: string, more: NodeJS.ProcessEnv = {}) => {
    const program = start(['up', '-f', path.join(folder, 'config.yaml')], { ...env(data), ...more })
    running.push(program)
    return program
  }
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-up-real-'))
    // The sample, on a machine that surely has no containerd there.
    const sample = readFileSync('config/samples/pulltraceconfig.yaml', 'utf8')
    const config = sample.replace(/^( +socket:).*$/m, '$1 /run/k3s/containerd/pulltrace-test-none.sock')
    assert.notEqual(config, sample)
    writeFileSync(path.join(folder, 'config.yaml'), config)
  })
  after(async () => {
    for (const program of running) await program.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('shows demo pulls without a containerd, on addresses that work, beside another copy', async () => {
    const programs = [up('one'), up('two')]
    for (const { until, text } of programs) {
      await until(/Ctrl-C stops everything\./)
      assert.match(text.out, /^DEMO DATA: .*none\.sock cannot be used \(there is no such socket\)/)
      const urls = [...text.out.matchAll(/(?:pulls|rules|metrics) +(http:\S+)/g)].map(match => match[1]!)
      assert.equal(urls.length, 6)
      for (const url of urls) assert.equal((await fetch(url)).status, 200, url)
    }
    const [, url] = await programs[0]!.until(/pulls +(http:\S+)\//)
    const watch = start(['watch', '--server', url!, '-o', 'json'], {})
    running.push(watch)
    await watch.until(/\n/)
    const event = JSON.parse(watch.text.out.split('\n')[0]!) as PullEvent
    assert.match(event.nodeName, /^demo-data-/)
    assert.equal(await watch.stop(), 0)
    for (const program of programs) {
      // Twice in one moment, as below `timeout make run`: that is no wish to kill.
      program.child.kill('SIGTERM')
      assert.equal(await program.stop(), 0, program.text.all)
      assert.match(program.text.all, /agent stopped[\s\S]*server \| info {2}stopping[\s\S]*Stopped\./)
    }
  })

  it('warns of nothing but of a setting with a typing mistake, once', async () => {
    const { until, text, stop } = up('warned', { PULLTRACE_DATADIR: '/x' })
    await until(/Ctrl-C stops everything\./)
    assert.equal(await stop(), 0)
    assert.deepEqual(text.all.match(/^.*(?:PULLTRACE_DATADIR|\| warn|Warning).*$/gim), [
      'Warning: nothing reads PULLTRACE_DATADIR, it is no setting: did you mean PULLTRACE_DATA_DIR?',
    ])
  })

  it('opens the pages of rules with the password in the file that it names, and links both ways', async () => {
    const { until, text, stop } = up('pages')
    await until(/Ctrl-C stops everything\./)
    const [pulls, rules] = ['pulls', 'rules'].map(
      name => new RegExp(`^  ${name} +(http:\\S+)/$`, 'm').exec(text.out)![1]!,
    ) as [string, string]
    const file = /first password, until you change it: cat (\S+)$/m.exec(text.out)![1]!
    const password = readFileSync(file, 'utf8').trim()
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.ok(!text.all.includes(password))
    const data = path.dirname(file)
    assert.equal(statSync(data).mode & 0o777, 0o700)
    for (const name of readdirSync(data)) assert.equal(statSync(path.join(data, name)).mode & 0o777, 0o600, name)
    assert.ok((await (await fetch(`${pulls}/`)).text()).includes(`href="${rules}`))

    assert.ok((await (await fetch(`${rules}/sign-in`)).text()).includes(`href="${pulls}`))
    const signedIn = await fetch(`${rules}/sign-in`, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin: rules },
      body: new URLSearchParams({ name: 'admin', password, back: '/' }),
    })
    assert.equal(signedIn.status, 303)
    assert.equal(signedIn.headers.getSetCookie().length > 0, true)
    assert.equal(await stop(), 0)
  })

  it('runs over TLS with a certificate of its own, and shows only lines of the level asked for', async () => {
    const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
    const newKey = ['-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2']
    execFileSync('openssl', ['req', '-x509', ...newKey, ...subject], { stdio: 'ignore' })
    const { until, text, stop } = up('tls', {
      PULLTRACE_TLS_CERT_FILE: cert,
      PULLTRACE_TLS_KEY_FILE: key,
      PULLTRACE_CA_FILE: cert,
      PULLTRACE_LOG_LEVEL: 'error',
    })
    await until(/Ctrl-C stops everything\./)
    assert.match(text.out, / pulls +https:/)
    assert.doesNotMatch(text.all, /not ready yet/)
    assert.doesNotMatch(text.all, /\| info/)
    assert.equal(await stop(), 0)
  })

  it('finds every wrong setting of all its programs before it starts any', async () => {
    const { child, text } = up('none', {
      PULLTRACE_HISTORY_TTL: 'soon',
      PULLTRACE_AGENT_METRICS_ADDR: 'x',
      PULLTRACE_READER_TOKEN_FILE: '/no/such/token',
      TK_HTTP_ADDR: '0.0.0.0:8090',
      TK_GRPC_ADDR: 'y',
    })
    const [code] = (await once(child, 'close')) as [number]
    assert.equal(code, 2, text.all)
    for (const name of [
      ...['PULLTRACE_HISTORY_TTL', 'PULLTRACE_AGENT_METRICS_ADDR', 'PULLTRACE_READER_TOKEN_FILE'],
      ...['TK_TLS_CERT_FILE', 'TK_GRPC_ADDR'],
    ]) {
      assert.match(text.all, new RegExp(`${name} must`))
    }
    assert.doesNotMatch(text.out, /is running/)
    assert.equal(existsSync(path.join(folder, 'none')), false)
  })

  it('shows no demo data to who names a socket', async () => {
    const { child, text } = up('none', { PULLTRACE_CONTAINERD_SOCKET: path.join(folder, 'none.sock') })
    const [code] = (await once(child, 'close')) as [number]
    assert.equal(code, 2, text.all)
    assert.match(text.all, /PULLTRACE_CONTAINERD_SOCKET must be a socket .* there is no such socket, got '.*none.sock'/)
  })

  it('says which setting names a file where a folder must be', async () => {
    const file = path.join(folder, 'config.yaml')
    for (const [setting, value, place] of [
      ['PULLTRACE_DATA_DIR', file, 'a folder'],
      ['TK_DATABASE_URL', path.join(file, 'tk.db'), 'a file in a folder'],
    ]) {
      const { child, text } = up('none', { [setting!]: value })
      const [code] = (await once(child, 'close')) as [number]
      assert.equal(code, 2, text.all)
      const lines = text.all.split('\n')
      assert.deepEqual(lines.slice(lines.findIndex(line => line.startsWith('pulltrace: '))), [
        `pulltrace: ${setting} must be ${place}: '${file}' is a file and not a folder`,
        `  set ${setting} to another place`,
        '',
      ])
    }
  })

  it('names the one setting of a port that is taken, once', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    try {
      await once(taken, 'listening')
      const address = `127.0.0.1:${(taken.address() as AddressInfo).port}`
      for (const [setting, program] of [
        ['PULLTRACE_HTTP_ADDR', 'server'],
        ['PULLTRACE_METRICS_ADDR', 'server'],
        ['PULLTRACE_AGENT_METRICS_ADDR', 'agent'],
        ['TK_GRPC_ADDR', 'sensor-api'],
        ['TK_SENSOR_METRICS_ADDR', 'sensor-api'],
        ['TK_HTTP_ADDR', 'web-ui'],
        ['TK_UI_METRICS_ADDR', 'web-ui'],
      ] as const) {
        const { child, text } = up('taken', { [setting]: address })
        const [code] = (await once(child, 'close')) as [number]
        assert.equal(code, 3, text.all)
        assert.deepEqual(text.all.match(/^.*in use.*$|^.*_ADDR.*$/gm), [
          `pulltrace: the ${program} ended with code 1, so everything was stopped: '${address}' is in use by another program`,
          `  stop that program, or set ${setting} to another address (port 0 takes any free one)`,
        ])
      }
    } finally {
      taken.close()
    }
  })

  it('refuses a second copy on one data folder and says what to do', async () => {
    const first = up('one')
    await first.until(/Ctrl-C stops everything\./)
    const second = up('one')
    const [code] = (await once(second.child, 'close')) as [number]
    assert.equal(code, 3, second.text.all)
    assert.match(
      second.text.all,
      /everything was stopped\. [\s\S]*Another tk-sensor-api instance is already running \(pid \d+/,
    )
    assert.match(second.text.all, /stop the other copy, or set PULLTRACE_DATA_DIR to another folder/)
    assert.equal(await first.stop(), 0)
  })
})
