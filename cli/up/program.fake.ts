import { appendFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toldToBegin } from '../../core/lib/told-to-begin.ts'

/**
 * Stands for server, agent and demo runtime where a test is about who starts, stops and dies when.
 * FAKE_LOG: file to which it writes what it does; FAKE_DIE / FAKE_DEAF: the role that dies after
 * it is up (or `import`: the command that adds the samples) / that does not hear SIGTERM; FAKE_SAY: a line for the server to log; FAKE_FAULT: what is wrong with its settings.
 */
const env = await toldToBegin(process.argv, process.env, () => {
  if (process.env['FAKE_FAULT']) throw new Error(process.env['FAKE_FAULT'])
})
const role = env['PULLTRACE_SERVER_URL']
  ? 'agent'
  : env['FAKE_ROLE_DEMO']
    ? 'demo'
    : env['TK_GRPC_ADDR']
      ? 'sensor-api'
      : env['TK_UI_METRICS_ADDR']
        ? 'web-ui'
        : 'server'
const did = (what: string) => appendFileSync(env['FAKE_LOG']!, `${role} ${what} ${process.pid}\n`)
if (process.argv[2] === 'rules') {
  did(process.argv.slice(2, -1).join('-'))
  if (env['FAKE_DIE'] === 'import') {
    process.stderr.write('it broke\n')
    process.exit(1)
  }
  writeFileSync(env['TK_DATABASE_URL']!, '')
  process.exit(0)
}
const log = (msg: string, fields: object = {}) =>
  process.stderr.write(`${JSON.stringify({ level: 'info', program: role, msg, ...fields })}\n`)

const server = createServer((_, response) => void response.end('ready'))
server.listen(role === 'web-ui' ? Number(env['TK_HTTP_ADDR']?.split(':')[1]) : 0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  did('started')
  if (role === 'server' && env['TK_API_URL']) did(`calls-${env['TK_API_URL']}-${env['TK_API_KEY_FILE']}`)
  if (role === 'server' && env['TK_PUBLIC_URL']) did(`links-${env['TK_PUBLIC_URL']}`)
  if (role === 'web-ui') did(`links-${env['PULLTRACE_PUBLIC_URL']}-${env['TK_ADMIN_PASSWORD_FILE']}`)
  log(role === 'demo' ? 'demo runtime ready' : 'listening', { url: `http://127.0.0.1:${port}` })
  if (role === 'server' && env['FAKE_SAY']) process.stderr.write(`${env['FAKE_SAY']}\n`)
  if (env['FAKE_DIE'] === role) {
    process.stderr.write('Error: it broke\n')
    process.exit(7)
  }
})
process.on('SIGTERM', () => {
  if (env['FAKE_DEAF'] === role) return
  did('stopped')
  server.close()
  server.closeAllConnections()
})
