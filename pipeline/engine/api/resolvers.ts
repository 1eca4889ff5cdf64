// What a type's fields do: each takes the object, the field's arguments and the session.
import type { Session } from '../session.ts';
import type { Value } from '../values.ts';

// biome-ignore lint/suspicious/noExplicitAny: the schema has checked the arguments; each resolver names their types
type Resolver<Self extends Value> = (self: Self, args: any, session: Session) => unknown;
export type Resolvers<Self extends Value> = Readonly<Record<string, Resolver<Self>>>;
