const { message, origin } = JSON.parse(document.getElementById("data").textContent);
if (window.opener) window.opener.postMessage(message, origin);
