import type { NodeView } from '../../../../core/contract/api.ts'
import type { Clock } from '../../../../core/lib/clock.ts'
import type { Logger } from '../../../../core/lib/log.ts'
import type { ServerConfig } from '../../config.ts'
import type { ImageBook } from '../../pages/live/image-book.ts'
import type { AppParts, Route } from '../app.ts'
import { Attempts } from '../attempts.ts'
import type { ReaderAuth } from '../auth.ts'
import type { HistoryReads } from '../history-reads.ts'
import type { LivePulls } from '../pulls.ts'
import { openSessionKey } from '../session-key.ts'
import { orBySession, Sessions } from '../sessions.ts'
import { openPageAssets, PageFrame } from './frame.ts'
import { pageRoutes } from './routes.ts'
import type { SignInResult } from './sign-in.ts'

export interface OpenPagesParts {
  readonly config: Pick<ServerConfig, 'dataDir' | 'readerAuth' | 'publicUrl' | 'rulesUrl'>
  readonly version: string
  /** As the API lets readers in, without sessions. */
  readonly readers: ReaderAuth
  readonly live: LivePulls
  readonly reads: HistoryReads
  readonly images: ImageBook
  readonly nodes: () => readonly NodeView[]
  readonly nodeNames: () => readonly string[]
  readonly counted: (result: SignInResult) => void
  readonly clock: Clock
  readonly log: Logger
}

export interface Pages {
  readonly routes: readonly Route[]
  /** Lets in who has a session, too: page, API and stream ask the same. */
  readonly readers: ReaderAuth
  readonly errorPage: NonNullable<AppParts['errorPage']>
}

export async function openPages(parts: OpenPagesParts): Promise<Pages> {
  const { config, version, nodeNames, clock, log } = parts
  const signInNeeded = config.readerAuth !== 'none'
  const sessions = new Sessions(await openSessionKey(config.dataDir, log), clock)
  const readers = signInNeeded ? orBySession(parts.readers, sessions) : parts.readers
  const publicUrl = config.publicUrl?.href
  const rulesUrl = config.rulesUrl?.href
  const assets = openPageAssets()
  const frame = new PageFrame({ assets, version, publicUrl, rulesUrl, signInNeeded, readers, nodeNames })
  const attempts = new Attempts(clock)
  const routes = pageRoutes({ ...parts, frame, readers, sessions, attempts, signInNeeded })
  return { routes, readers, errorPage: frame.answerError }
}
