"""Writes golden.json: what scikit-learn makes of 60 points, for tests of the map."""
import json
import numpy as np
import sklearn
from scipy.spatial.distance import pdist, squareform
from sklearn.manifold import TSNE, trustworthiness
from sklearn.manifold._t_sne import _joint_probabilities, _kl_divergence
from sklearn.metrics import silhouette_score

rng = np.random.default_rng(7)
n, perplexity = 60, 10
side = np.arange(n) % 2
x = np.round(rng.normal(size=(n, 5)) + np.outer(side * 1.5, [1, 1, 0, 0, 0]) + np.outer(np.arange(n) // 20 * 2.0, [0, 0, 1, -1, 0]), 4)
p = _joint_probabilities(squareform(pdist(x, "sqeuclidean")), perplexity, 0)
start = np.round(rng.normal(size=(n, 2)) * 1e-4, 8)
spread = np.round(rng.normal(size=(n, 2)) * 3, 4)
kl, gradient = _kl_divergence(spread.ravel(), p, 1, n, 2)
tsne = TSNE(perplexity=perplexity, method="exact", init=start, learning_rate="auto", n_iter=1000, n_iter_without_progress=1000, min_grad_norm=0)
map_ = tsne.fit_transform(x)
p = squareform(p)
golden = {
    "made_with": f"scikit-learn {sklearn.__version__}", "n": n, "width": 5, "perplexity": perplexity, "x": x.ravel().tolist(), "side": side.tolist(), "start": start.ravel().tolist(),
    "p_row_0": p[0].tolist(), "p_row_37": p[37].tolist(), "spread": spread.ravel().tolist(), "spread_kl": float(kl), "spread_gradient": gradient.ravel().tolist(), "kl": float(tsne.kl_divergence_),
    "trustworthiness": float(trustworthiness(x, map_, n_neighbors=5)), "spread_trustworthiness": float(trustworthiness(x, spread, n_neighbors=5)), "silhouette": float(silhouette_score(x, side)),
    "spread_silhouette": float(silhouette_score(spread, side)),
}
with open("golden.json", "w") as file:
    file.write(json.dumps(golden) + "\n")
