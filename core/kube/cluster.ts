import type https from 'node:https'

/** What a request to the API server carries besides itself. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>
  readonly tls: Pick<https.RequestOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>
  /** A proxy's; absent when the connection goes straight to the server. */
  readonly agent?: https.Agent | undefined
}

/** Where the API server is, and who we are to it. */
export interface Cluster {
  /** No slash at its end. */
  readonly serverUrl: string
  readonly namespace: string
  /** Asked for before each request: tokens are renewed in place, and plugins give new ones. */
  credentials(): Promise<Credentials>
  /** The server did not take them (401): forget what is cached. */
  refused(): void
}
