import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { imageUser, launch } from '../core/contract/launch.ts'

const run = promisify(execFile)

/** What a launcher starts, told by a script that stands where it looks for Node. */
async function startedBy(name: string) {
  const root = await mkdtemp(path.join(tmpdir(), 'pulltrace-launcher-'))
  try {
    for (const folder of ['bin', 'node_modules/.bin']) await mkdir(path.join(root, folder), { recursive: true })
    await copyFile(fileURLToPath(new URL(`../bin/${name}`, import.meta.url)), path.join(root, 'bin', name))
    const tell = '#!/bin/sh\necho $#\nprintf "%s\\n" "$@"\nenv\n'
    await writeFile(path.join(root, 'node_modules/.bin/node'), tell, { mode: 0o755 })
    const { stdout } = await run(path.join(root, 'bin', name), { env: { PATH: process.env['PATH'] } })
    const [count, ...lines] = stdout.trimEnd().split('\n')
    const args = lines.splice(0, Number(count))
    return { flags: args.slice(0, -1), file: path.relative(root, args.at(-1)!), env: lines }
  } finally {
    await rm(root, { recursive: true })
  }
}

type Failed = { readonly code: number; readonly stderr: string }

describe('launch', () => {
  for (const [program, name] of [
    ['agent', 'pulltrace-agent'],
    ['server', 'pulltrace-server'],
    ['sensorApi', 'tk-sensor-api'],
    ['webUi', 'tk-web-ui'],
    ['operator', 'pulltrace-operator'],
  ] as const) {
    const { command, env } = launch[program]

    it(`has the flags and the environment of bin/${name}`, async () => {
      const started = await startedBy(name)
      assert.deepEqual(started.flags, command.slice(1, -1))
      for (const [name, value] of Object.entries(env)) assert.ok(started.env.includes(`${name}=${value}`), name)
      const known = started.env.map(line => line.split('=')[0]!)
      assert.deepEqual(known.filter(name => /^(MALLOC|UV|NODE)_/.test(name)).sort(), Object.keys(env).sort())
    })

    it(`starts a bundle of the same name as bin/${name}, where there are no sources`, async () => {
      const { file } = await startedBy(name)
      assert.equal(file, `dist/${command.at(-1)!.split('/').at(-1)}`)
    })
  }

  for (const [name, main] of [
    ['pulltrace-agent', 'agent'],
    ['pulltrace-server', 'server/pulltrace'],
    ['tk-sensor-api', 'server/sensor-api'],
    ['tk-web-ui', 'server/web-ui'],
    ['pulltrace-operator', 'operator'],
  ] as const) {
    it(`says what to do in a checkout without its packages: bin/${name}`, async () => {
      const root = await mkdtemp(path.join(tmpdir(), 'pulltrace-launcher-'))
      try {
        for (const folder of ['bin', main]) await mkdir(path.join(root, folder), { recursive: true })
        await copyFile(fileURLToPath(new URL(`../bin/${name}`, import.meta.url)), path.join(root, 'bin', name))
        await writeFile(path.join(root, main, 'main.ts'), '')
        await assert.rejects(run(path.join(root, 'bin', name)), (error: Failed) => {
          assert.equal(error.stderr, `${name}: its packages are not installed. Run: (cd '${root}' && npm ci)\n`)
          return error.code === 1
        })
      } finally {
        await rm(root, { recursive: true })
      }
    })
  }

  for (const program of ['agent', 'server'] as const) {
    it(`hands options on: bin/pulltrace-${program} --check-settings names faults and starts nothing`, async () => {
      const env = { PATH: process.env['PATH'], PULLTRACE_REPORT_INTERVAL: '1ms' }
      await assert.rejects(run(`bin/pulltrace-${program}`, ['--check-settings'], { env }), (error: Failed) => {
        assert.equal(error.code, 2)
        assert.match(error.stderr, /PULLTRACE_REPORT_INTERVAL must be a duration .*, got '1ms'/)
        return true
      })
    })
  }

  for (const program of ['pulltrace-agent', 'pulltrace-server', 'pulltrace-operator', 'tk-sensor-api', 'tk-web-ui']) {
    it(`says in words, not as a log, why ${program} does not start with a wrong setting: exit code 2`, async () => {
      const env = { PATH: process.env['PATH'], PULLTRACE_LOG_LEVEL: 'loud', TK_LOG_LEVEL: 'loud' }
      await assert.rejects(run(`bin/${program}`, [], { env }), (error: Failed) => {
        assert.equal(error.code, 2)
        assert.ok(error.stderr.startsWith(`${program} cannot start: `), error.stderr)
        assert.match(error.stderr, /_LOG_LEVEL must be one of .*, got 'loud'/)
        assert.match(error.stderr, /\nthese are set in the environment; docs\/configuration\.md lists every setting\n$/)
        return true
      })
    })
  }

  it('says once, and only in words, that a command cannot read its database', async function () {
    // It opens the database in threads of its own, and tries more than once.
    this.timeout(60_000)
    const folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-damaged-'))
    try {
      const file = path.join(folder, 'tk.db')
      await writeFile(file, 'no database at all'.repeat(100))
      await assert.rejects(run('bin/tk-sensor-api', ['rules', 'list', '--database', file]), (error: Failed) => {
        assert.equal(error.code, 3)
        assert.match(
          error.stderr,
          /^tk-sensor-api: rules database is unavailable: .* is damaged or is not a database .*\n {2}stop .*\n$/,
        )
        return true
      })
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('is how the Deployment of the operator starts it', async () => {
    const { spec } = parse(await readFile('config/operator/deployment.yaml', 'utf8'))
    const [container] = spec.template.spec.containers
    assert.deepEqual(container.command, launch.operator.command)
    const env = container.env as { name: string; value?: string }[]
    for (const [name, value] of Object.entries(launch.operator.env)) {
      assert.equal(env.find(each => each.name === name)?.value, value)
    }
    assert.equal(spec.template.spec.securityContext.runAsUser, imageUser)
  })
})
