// Lets a thread run TypeScript on Node 20: `--import` of this file, since tsx's own `--import` does not reach worker threads there.
import { register } from 'tsx/esm/api'

register()
