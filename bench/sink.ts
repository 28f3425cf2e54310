import { Writable } from 'node:stream'

/** Where `thread-stream` writes to: takes all that comes. */
export default (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() })
