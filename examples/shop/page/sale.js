// The banner's animation is the fault: every tile writes its style and then
// reads its size back, so each frame lays the page out once per tile.
const banner = document.getElementById('banner');
for (let i = 0; i < 400; i++) {
  const tile = document.createElement('i');
  tile.className = 'tile';
  banner.append(tile);
}
const tiles = banner.children;
let frames = 0;

function thrash() {
  for (const tile of tiles) {
    tile.style.height = `${8 + (frames % 3)}px`;
    tile.dataset.height = tile.offsetHeight;
  }
  frames++;
  if (frames < 12) {
    requestAnimationFrame(thrash);
  } else {
    document.getElementById('offers').textContent = 'Three offers for you: kettle, biscuits, tea towels.';
  }
}

document.getElementById('start').addEventListener('click', () => {
  frames = 0;
  requestAnimationFrame(thrash);
});
