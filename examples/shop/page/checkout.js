// The checkout has two faults on purpose: the validation message stands for
// only two seconds, and nothing keeps the button from being pressed twice.
const form = document.getElementById('checkout');
const status = document.getElementById('status');
const cart = Math.random().toString(36).slice(2);

function toast(text) {
  const box = document.createElement('div');
  box.className = 'toast';
  box.setAttribute('role', 'alert');
  box.textContent = text;
  document.getElementById('toasts').append(box);
  setTimeout(() => box.remove(), 2000);
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (!form.delivery.value) {
    toast('Please choose a delivery date');
    return;
  }
  const response = await fetch('/api/orders', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ cart, delivery: form.delivery.value }),
  });
  const answer = await response.json();
  const line = document.createElement('span');
  line.textContent = response.ok ? `Order ${answer.number} placed. ` : `${answer.error}. `;
  status.append(line);
});
