/** Stands for a person beside the name. */
export function Initials({ name }: { name: string }) {
  const letters = name.split(/[\s.@_-]+/).slice(0, 2).map((part) => part.charAt(0).toUpperCase()).join('');
  return <span aria-hidden className="grid size-6 shrink-0 place-items-center rounded-full border bg-secondary text-[10px] font-semibold text-muted-foreground">{letters}</span>;
}
