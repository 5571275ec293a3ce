"""The data that everything else passes around: users, secrets, manifests."""
