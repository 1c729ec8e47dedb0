import type { Actor } from '../store/rules-store.ts'
import type { Role, User } from '../store/users-store.ts'
import type { Html } from '../ui/html.ts'
import type { Page } from '../ui/layout.ts'

/** What a handler is asked: by somebody who may, in a form that this very session was given. */
export interface PageRequest {
  readonly path: string
  /** Parts of the path by their names in `Route.path`, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** Empty for a GET. */
  readonly form: URLSearchParams
  readonly user: User
  /** For the store: who, from where. */
  readonly actor: Actor
  /** Must stand in every form that is posted: a hidden field. */
  readonly csrf: Html
  /** The client reads JSON, not pages. */
  readonly wantsJson: boolean
  may(role: Role): boolean
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal
}

export type Answer =
  | { readonly page: Page; readonly status?: number }
  /** 303, to a path of ours: what follows a form that worked. */
  | { readonly seeOther: string }
  | { readonly json: unknown; readonly status?: number }
  /** Sent piece by piece as a download of that name. */
  | { readonly file: AsyncIterable<string>; readonly type: string; readonly name: string }

/** One address of the pages. A GET changes nothing; a POST is checked for its origin and token before `handle` runs. */
export interface Route {
  readonly method: 'GET' | 'POST'
  /** As @koa/router has it: `/rules/:id`. */
  readonly path: string
  /** The least that one must be. */
  readonly role: Role
  /** Of the form; 16 KiB when absent. */
  readonly maxFormBytes?: number
  readonly handle: (request: PageRequest) => Answer | Promise<Answer>
}
