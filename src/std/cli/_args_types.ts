/** The types by which the result of `parseArgs` follows from its options. Types alone, no code. */

/** Names of options, one or a union, or none given. */
export type Names = string | undefined;
/** What `boolean` may be: names, or whether every long option is one. */
export type BooleanNames = boolean | Names;

/** Other names of options. */
export type AliasMap<Name = string, Alias extends string = string> = Partial<
  Record<Extract<Name, string>, Alias | ReadonlyArray<Alias>>
>;

/** No members: the neutral element of an intersection. */
type Nothing = Record<never, never>;
type Fields = Record<string, unknown>;

/** One plain object type instead of an intersection of several, at every depth. */
export type Flatten<T> = T extends Fields
  ? T extends infer Whole ? { [Key in keyof Whole]: Flatten<Whole[Key]> }
  : never
  : T;

/** `A | B` becomes `A & B`. */
type Intersect<Union> = (Union extends unknown ? (each: Union) => void : never) extends
  (each: infer All) => void ? All extends Fields ? All : never
  : never;

/** Every member must be there, at every depth. */
type Filled<T> = T extends Fields ? { [Key in keyof T]-?: Filled<T[Key]> } : T;

/** The part of dotted names below one of their first words. */
type Below<Path extends Names, Head extends string> = Path extends `${Head}.${infer Tail}` ? Tail
  : undefined;

/** An object for each name (a union of them); a dot in a name opens an inner object. */
type Option<Name, Value, Negatable extends Names = undefined> = Name extends
  `${infer Head}.${infer Tail}` ? { [Key in Head]?: Option<Tail, Value, Below<Negatable, Head>> }
  : Name extends string ? { [Key in Name]?: Negatable extends Name ? Value | false : Value }
  : Nothing;

/** All options of one kind: those that collect hold arrays and are always there. */
type Options<
  Named extends BooleanNames,
  Value,
  Collect extends Names,
  Negatable extends Names = undefined,
> = undefined extends Named ? Nothing
  : Intersect<
    | Nothing
    | Option<Exclude<Named, Collect>, Value, Negatable>
    | Filled<Option<Extract<Named, Collect>, Value[], Negatable>>
  >;

/** As {@linkcode Option}, but all of it is there. */
type Nest<Path extends string, Value> = Path extends `${infer Head}.${infer Tail}`
  ? { [Key in Head]: Nest<Tail, Value> }
  : { [Key in Path]: Value };

/** Options that collect but are neither strings nor booleans. */
type Collected<Collect extends Names, Known, Negatable extends Names> = Intersect<
  | Nothing
  | Nest<Unknown<Exclude<Collect, Negatable>, Known>, unknown[]>
  | Nest<Unknown<Extract<Collect, Negatable>, Known>, unknown[] | false>
>;

type Unknown<Name, Known> = Exclude<
  Extract<Name, string>,
  Extract<Known, string>
>;

/** `{ "a.b": 1 }` becomes `{ a: { b: 1 } }`. */
type Undotted<T> = Fields extends T ? T
  : T extends Fields ? Intersect<
      {
        [Key in keyof T]: Key extends string ? Nest<Key, T[Key]> : never;
      }[keyof T]
    >
  : T;

/** The values with their defaults: a value that has a default is always there. */
type WithDefaults<Values, Defaults> = Defaults extends undefined ? Values
  : Values extends Fields ?
      & Omit<Values, keyof Defaults>
      & {
        [Key in keyof Defaults]: Key extends keyof Values ? OrDefault<Values[Key], Defaults[Key]>
          : unknown;
      }
  : never;

/** Objects merge member by member; everything else is either the value or the default. */
type OrDefault<Value, Default> = [Default | (Default & Value)] extends [Fields]
  ? NonNullable<WithDefaults<Value, Default>>
  : Default | NonNullable<Value>;

type OtherNames<Name, Aliases> = Name extends keyof Aliases ? string extends Aliases[Name] ? never
  : Aliases[Name] extends string ? Aliases[Name]
  : Aliases[Name] extends string[] ? Aliases[Name][number]
  : never
  : never;

/** Every top-level member under its other names too. */
type WithAliases<Values, Aliases extends AliasMap | undefined> = {
  [Name in keyof Values as Name | OtherNames<Name, Aliases>]: Values[Name];
};

type IsGiven<Named> = undefined extends Named ? false
  : false extends Named ? false
  : true;

/** The result's options: exact once any of `boolean`, `string` and `collect` is given. */
export type Values<
  Booleans extends BooleanNames,
  Strings extends Names,
  Collect extends Names,
  Negatable extends Names,
  Defaults extends Fields | undefined,
  Aliases extends AliasMap | undefined,
> = true extends IsGiven<Booleans> | IsGiven<Strings> | IsGiven<Collect> ?
    & Fields
    & WithAliases<
      WithDefaults<
        & Options<Strings, string, Collect, Negatable>
        & Filled<Options<Booleans, boolean, Collect>>
        & Collected<Collect, Strings | Booleans, Negatable>,
        Undotted<Defaults>
      >,
      Aliases
    >
  // deno-lint-ignore no-explicit-any -- as published: nothing is known of the options
  : Record<string, any>;

/** What `default` may hold: anything, with the names of the options for completion. */
export type DefaultValues<
  Booleans extends BooleanNames,
  Strings extends Names,
> = Flatten<
  Intersect<
    | Fields
    | Option<Extract<Booleans | Strings, string>, unknown>
    | { [Key in Extract<Booleans | Strings, string>]?: unknown }
  >
>;
