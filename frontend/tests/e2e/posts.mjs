/** A CSV with `rows` different texts: enough work to be paused, cut or reloaded in between. A model is asked for a text once, so that another task's have to be of another town. */
export function manyPosts(rows, town = 'Lyon') {
  const lines = ['id,created_at,full_text,screen_name,favorite_count'];
  for (let row = 0; row < rows; row++) lines.push(`${row},2024-10-${String(1 + (row % 28)).padStart(2, '0')} 10:00:00 +02:00,"Panne totale de la fibre dans la rue ${row}, plus rien ne marche à ${town}",user${row % 40},${row % 9}`);
  return Buffer.from(lines.join('\n'));
}
