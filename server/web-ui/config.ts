import { existsSync } from 'node:fs'
import { logLevels } from '../../core/lib/log.ts'
import {
  durationMs,
  type Env,
  integer,
  isLoopback,
  listenAddress,
  type loadSettings,
  oneOf,
  optionalText,
  readSettings,
  type Setting,
  shortText,
  throwFaults,
  url,
} from '../../core/lib/settings.ts'
import { databaseFile } from '../tk/database-file.ts'
import { type HmacSecret, readSecrets, secretSettings } from '../tk/secrets.ts'

export const program = 'tk-web-ui'

function optionalUrl(name: string, doc: string): Setting<URL | undefined> {
  const { parse, ...rest } = url(name, '', doc)
  return { ...rest, parse: text => (text === '' ? undefined : parse(text)) }
}

/** Every setting of tk-web-ui. docs/configuration.md is made from this table. */
export const settings = {
  httpAddr: listenAddress('TK_HTTP_ADDR', ':8090', 'Where the pages are.'),
  metricsAddr: listenAddress('TK_UI_METRICS_ADDR', ':9093', 'Where /healthz, /readyz and /metrics listen.'),
  logLevel: oneOf(logLevels)('TK_LOG_LEVEL', 'info', 'The least important messages that are logged.'),
  databaseFile,
  publicUrl: optionalUrl(
    'TK_PUBLIC_URL',
    'Address that people use, when a proxy changes it; with https cookies are for TLS only. Empty: as they asked.',
  ),
  pullsUrl: optionalUrl('PULLTRACE_PUBLIC_URL', 'Address of the pages of pulltrace-server, for the link to them.'),
  notice: shortText(200)('TK_NOTICE', '', 'A line above every page, such as that it is a test system.'),
  trustedProxies: integer(0, 10)(
    'TK_TRUSTED_PROXIES',
    '0',
    'How many proxies stand in front, whose X-Forwarded-For says where a request is from.',
  ),
  adminPasswordFile: optionalText(
    'TK_ADMIN_PASSWORD_FILE',
    '',
    'File with the first password of the first user, admin. Empty: one is made and printed once.',
  ),
  ...(secretSettings as Record<'hmacSecret', Setting<string | undefined>>),
  tlsCertFile: optionalText('TK_TLS_CERT_FILE', '', 'Certificate chain (PEM) for both listeners; reloaded on change.'),
  tlsKeyFile: optionalText('TK_TLS_KEY_FILE', '', 'Key (PEM) of that certificate.'),
  allowPlaintext: oneOf(['true', 'false'])(
    'TK_ALLOW_PLAINTEXT',
    'false',
    'Whether people may sign in without TLS on an address that others reach; passwords can then be read on the way.',
  ),
  shutdownGraceMs: durationMs(0, 600_000, '0 to 10m')(
    'TK_SHUTDOWN_GRACE',
    '10s',
    'How long a stopping service waits for answers that are under way.',
  ),
}

type Settings = ReturnType<typeof loadSettings<typeof settings>>

export interface WebUiConfig
  extends Omit<Settings, 'hmacSecret' | 'tlsCertFile' | 'tlsKeyFile' | 'allowPlaintext' | 'publicUrl' | 'pullsUrl'> {
  readonly secrets: readonly HmacSecret[]
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  readonly publicUrl: string | undefined
  readonly pullsUrl: string | undefined
}

export function loadWebUiConfig(env: Env): WebUiConfig {
  const { values, faults } = readSettings(settings, env)
  const { secrets, faults: secretFaults } = readSecrets(env)
  faults.push(...secretFaults)
  const { tlsCertFile: certFile, tlsKeyFile: keyFile, httpAddr, allowPlaintext, publicUrl } = values
  for (const key of ['adminPasswordFile', 'tlsCertFile', 'tlsKeyFile'] as const) {
    const file = values[key]
    if (file !== undefined && !existsSync(file)) {
      faults.push(`${settings[key].name} must be a file that exists, got '${file}'`)
    }
  }
  if ((certFile === undefined) !== (keyFile === undefined)) {
    faults.push('TK_TLS_CERT_FILE and TK_TLS_KEY_FILE must be set together')
  }
  const inTheClear = certFile === undefined && allowPlaintext === 'false' && publicUrl?.protocol !== 'https:'
  if (httpAddr && inTheClear && !isLoopback(httpAddr)) {
    faults.push(
      "TK_TLS_CERT_FILE must be set, as passwords would be sent in clear text (or listen on '127.0.0.1:8090', or set TK_PUBLIC_URL to the https address of a proxy, or say TK_ALLOW_PLAINTEXT=true)",
    )
  }
  throwFaults(program, faults)
  const { hmacSecret: _, tlsCertFile: _c, tlsKeyFile: _k, allowPlaintext: _p, pullsUrl, ...rest } = values as Settings
  return {
    ...rest,
    secrets,
    publicUrl: publicUrl?.origin,
    pullsUrl: pullsUrl?.href,
    tls: certFile !== undefined && keyFile !== undefined ? { certFile, keyFile } : undefined,
  }
}
