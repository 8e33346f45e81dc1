"""What the report page is put together from: an inventory, findings, figures, the explorer, one template."""
