document.getElementById('app')?.append('fovea');
