// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's driver for QEMU's edu device (1234:11e8): rounds of INTx.
 *
 * In a round the device raises its line once.  That must be one interrupt, and the
 * device's status must have the round's value.  Three kinds of rounds take turns.
 * They differ in the time when the line goes up, relative to the acknowledge of the
 * interrupt before:
 *
 *  BY_THREAD	long after it: a thread has the device raise the line;
 *  BY_HANDLER	before it: the handler has the device raise the line again after it
 *		has served it, so the line is up when the host gets the acknowledge;
 *  BY_DEVICE	at any moment: the handler gives the device something to compute,
 *		and the device raises the line when it has finished.
 *
 * Nothing else raises the line meanwhile, so each interrupt is due or spurious, and
 * none is merged with another.
 *
 *  rounds	write a number to run so many rounds; ETIMEDOUT if one was lost
 *  counts	the totals of all rounds
 */

#include <linux/completion.h>
#include <linux/device.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kstrtox.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>

#define EDU_FACTORIAL	0x08
#define EDU_STATUS	0x20
#define EDU_IRQ_STATUS	0x24
#define EDU_IRQ_RAISE	0x60
#define EDU_IRQ_ACK	0x64

/* In EDU_STATUS: raise the line when a factorial has been computed. */
#define EDU_STATUS_IRQ	0x80

/* EDU_IRQ_STATUS in the rounds of each kind; the device defines the first. */
#define DUE_BY_DEVICE	0x01
#define DUE_BY_THREAD	0x02
#define DUE_BY_HANDLER	0x04

/* There is nothing at this port.  A write to it ends the host's trace (lab/vfio/host). */
#define SPURIOUS_PORT	0xed

/* After that time the interrupt is lost: no host is that slow. */
#define ROUND_LIMIT	(60 * HZ)

static bool oneshot;
module_param(oneshot, bool, 0444);
MODULE_PARM_DESC(oneshot, "handle interrupts in a thread, with the line masked meanwhile");

enum kind {
	BY_THREAD,
	BY_HANDLER,
	BY_DEVICE,
	KINDS
};

struct edu {
	void __iomem *regs;

	/* One writer of "rounds" at a time. */
	struct mutex run;
	struct completion over;

	/* Protects all below, for the handler and for the thread that begins a round. */
	spinlock_t lock;
	unsigned int left;
	unsigned long asked;
	unsigned long handled;
	unsigned long interrupts;
	unsigned long spurious;
	unsigned long wrong;
	u32 due;
};

static enum kind next_kind(const struct edu *edu)
{
	return edu->asked % KINDS;
}

/* How long the device computes, in steps of about a nanosecond. */
static u32 some_steps(const struct edu *edu)
{
	return ((u32)edu->asked * 2654435761u) >> 14;
}

static void begin_round(struct edu *edu)
{
	enum kind kind = next_kind(edu);

	lockdep_assert_held(&edu->lock);

	--edu->left;
	++edu->asked;
	switch (kind) {
	case BY_DEVICE:
		edu->due = DUE_BY_DEVICE;
		writel(some_steps(edu), edu->regs + EDU_FACTORIAL);
		return;
	case BY_HANDLER:
		edu->due = DUE_BY_HANDLER;
		break;
	default:
		edu->due = DUE_BY_THREAD;
	}
	writel(edu->due, edu->regs + EDU_IRQ_RAISE);
}

static irqreturn_t edu_interrupt(int irq, void *data)
{
	irqreturn_t ret = IRQ_NONE;
	struct edu *edu = data;
	unsigned long flags;
	u32 status;

	spin_lock_irqsave(&edu->lock, flags);
	++edu->interrupts;
	status = readl(edu->regs + EDU_IRQ_STATUS);
	if (!status) {
		++edu->spurious;
		outb(0, SPURIOUS_PORT);
		goto out;
	}

	ret = IRQ_HANDLED;
	writel(status, edu->regs + EDU_IRQ_ACK);
	if (status != edu->due) {
		++edu->wrong;
		goto out;
	}

	edu->due = 0;
	++edu->handled;
	if (edu->left && next_kind(edu) != BY_THREAD)
		begin_round(edu);
	else
		complete(&edu->over);
out:
	spin_unlock_irqrestore(&edu->lock, flags);

	return ret;
}

static int run_rounds(struct edu *edu, unsigned int n)
{
	bool more = n;

	spin_lock_irq(&edu->lock);
	edu->left = n;
	spin_unlock_irq(&edu->lock);

	while (more) {
		reinit_completion(&edu->over);
		spin_lock_irq(&edu->lock);
		begin_round(edu);
		spin_unlock_irq(&edu->lock);

		if (!wait_for_completion_timeout(&edu->over, ROUND_LIMIT))
			return -ETIMEDOUT;

		spin_lock_irq(&edu->lock);
		more = edu->left;
		spin_unlock_irq(&edu->lock);
	}

	return 0;
}

static ssize_t rounds_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	struct edu *edu = dev_get_drvdata(dev);
	unsigned int n;
	int ret;

	ret = kstrtouint(buf, 0, &n);
	if (ret)
		return ret;

	mutex_lock(&edu->run);
	ret = run_rounds(edu, n);
	mutex_unlock(&edu->run);

	return ret ?: count;
}
static DEVICE_ATTR_WO(rounds);

static ssize_t counts_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct edu *edu = dev_get_drvdata(dev);
	int len;

	spin_lock_irq(&edu->lock);
	len = sysfs_emit(buf,
			 "asked=%lu handled=%lu interrupts=%lu spurious=%lu wrong=%lu\n",
			 edu->asked, edu->handled, edu->interrupts,
			 edu->spurious, edu->wrong);
	spin_unlock_irq(&edu->lock);

	return len;
}
static DEVICE_ATTR_RO(counts);

static struct attribute *edu_attrs[] = {
	&dev_attr_rounds.attr,
	&dev_attr_counts.attr,
	NULL
};
ATTRIBUTE_GROUPS(edu);

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct edu *edu;
	int ret;

	edu = devm_kzalloc(&pdev->dev, sizeof(*edu), GFP_KERNEL);
	if (!edu)
		return -ENOMEM;

	mutex_init(&edu->run);
	init_completion(&edu->over);
	spin_lock_init(&edu->lock);

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;

	edu->regs = pcim_iomap(pdev, 0, 0);
	if (!edu->regs)
		return -ENOMEM;

	pci_set_drvdata(pdev, edu);
	/* Clear what an earlier driver of the device may have left. */
	writel(readl(edu->regs + EDU_IRQ_STATUS), edu->regs + EDU_IRQ_ACK);
	writel(EDU_STATUS_IRQ, edu->regs + EDU_STATUS);

	if (oneshot)
		return devm_request_threaded_irq(&pdev->dev, pdev->irq, NULL,
						 edu_interrupt, IRQF_ONESHOT,
						 "edu", edu);
	return devm_request_irq(&pdev->dev, pdev->irq, edu_interrupt, 0,
				"edu", edu);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ }
};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = "edu_rounds",
	.id_table = edu_ids,
	.probe = edu_probe,
	.dev_groups = edu_groups,
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("Rounds of INTx with QEMU's edu device");
MODULE_LICENSE("GPL");
