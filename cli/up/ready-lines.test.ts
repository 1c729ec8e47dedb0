import assert from 'node:assert/strict'
import type { Env } from '../../core/lib/settings.ts'
import { readyLines } from './ready-lines.ts'

describe('readyLines', () => {
  const lines = (server: Env, url = 'http://127.0.0.1:8080') =>
    readyLines({
      server,
      url,
      metrics: [{ of: 'agent', url: 'http://m' }],
      nodeName: 'n',
      demo: false,
      command: './bin/pulltrace',
    })
  it('quotes the path of the programs where a shell would take it apart', () => {
    const said = readyLines({
      server: { PULLTRACE_READER_AUTH: 'none' },
      url: 'http://127.0.0.1:8080',
      metrics: [],
      nodeName: 'n',
      demo: false,
      command: '/my tools/bin/pulltrace',
      rules: { databaseFile: '/d/tk.db', passwordFile: '/d/p', url: 'http://127.0.0.1:8090' },
    })
    for (const line of [
      "  watch    '/my tools/bin/pulltrace' watch",
      "  history  '/my tools/bin/pulltrace' history",
      "  list     '/my tools/bin/tk-sensor-api' rules list --database /d/tk.db",
    ])
      assert.ok(said.includes(line), said.join('\n'))
  })

  const tls = { PULLTRACE_TLS_CERT_FILE: '/c.pem', PULLTRACE_CA_FILE: '/ca.pem' }
  const token = { PULLTRACE_READER_AUTH: 'token' }

  for (const { name, server, url, found } of [
    {
      name: 'as short as can be where nothing is asked of readers',
      server: { PULLTRACE_READER_AUTH: 'none', PULLTRACE_READER_TOKEN_FILE: '/t' },
      found: [
        '  events   curl -N http://127.0.0.1:8080/api/v1/events',
        '  watch    ./bin/pulltrace watch',
        '  history  ./bin/pulltrace history',
        '  metrics  http://m/metrics  (agent)',
      ],
    },
    {
      name: 'the file of the token',
      server: { ...token, PULLTRACE_READER_TOKEN_FILE: '/t' },
      url: 'http://127.0.0.1:1',
      found: [
        '  events   curl -N -H "Authorization: Bearer $(cat /t)" http://127.0.0.1:1/api/v1/events',
        '  watch    ./bin/pulltrace watch --server http://127.0.0.1:1 --token-file /t',
      ],
    },
    {
      name: 'a file name that a shell would take apart',
      server: { ...token, PULLTRACE_READER_TOKEN_FILE: "/my tokens/it's" },
      found: [`  watch    ./bin/pulltrace watch --token-file '/my tokens/it'\\''s'`],
    },
    {
      name: 'where a token in the environment must be, and not the token',
      server: { ...token, PULLTRACE_READER_TOKEN: 'reader-secret' },
      found: [
        '  events   curl -N -H "Authorization: Bearer $PULLTRACE_READER_TOKEN" http://127.0.0.1:8080/api/v1/events',
        '  watch    ./bin/pulltrace watch',
        'These need PULLTRACE_READER_TOKEN in the environment of their terminal too.',
      ],
    },
    {
      name: 'who signed the certificate',
      server: { PULLTRACE_READER_AUTH: 'none', ...tls },
      url: 'https://127.0.0.1:8080',
      found: [
        '  events   curl -N --cacert /ca.pem https://127.0.0.1:8080/api/v1/events',
        '  history  ./bin/pulltrace history --server https://127.0.0.1:8080 --ca-file /ca.pem',
      ],
    },
  ]) {
    it(`says ${name}`, () => {
      const said = lines(server, url)
      for (const line of found) assert.ok(said.includes(line), said.join('\n'))
      assert.doesNotMatch(said.join('\n'), /reader-secret/)
    })
  }
})
